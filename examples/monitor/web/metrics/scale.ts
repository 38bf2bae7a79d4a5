/** Returns a round number at or above the value, so that the top of a scale is easy to read and rarely moves. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const steps = [1, 1.5, 2, 3, 4, 5, 6, 8, 10]
  return Math.round(steps.find((step) => step * power >= value)! * power * 1e6) / 1e6
}

const spansSeconds = [60, 120, 300]

/** Returns the time that a chart spans: the shortest of some round ones that has room for all samples, or the longest. */
export function spanSeconds(times: readonly number[]): number {
  const lasting = times.length > 0 ? times.at(-1)! - times[0]! : 0
  return spansSeconds.find((span) => span >= lasting) ?? spansSeconds.at(-1)!
}
