const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' })

/** Formats a number with the digits that can be read at a glance. */
export const formatNumber = (value: number): string => (value >= 100 ? whole : fine).format(value)
export const formatPerSecond = (value: number): string => `${formatNumber(value)}/s`
export const formatMs = (value: number): string => `${formatNumber(value)}\u00a0ms`
export const formatPercent = (value: number): string => `${formatNumber(value)}\u00a0%`
export const formatMebibytes = (value: number): string => `${formatNumber(value)}\u00a0MiB`
export const formatTime = (timestamp: number): string => clock.format(timestamp)
