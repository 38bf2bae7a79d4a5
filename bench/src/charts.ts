export function drawCharts(_options: { quick: boolean }): void {}
