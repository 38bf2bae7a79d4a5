const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' })

/** Formats a number with the digits that can be read at a glance. */
export const formatNumber = (value: number): string => (value >= 100 ? whole : fine).format(value)
export const formatMs = (value: number): string => `${formatNumber(value)} ms`
export const formatPercent = (value: number): string => `${formatNumber(value)} %`
export const formatMegabytes = (bytes: number): string => `${formatNumber(bytes / 1e6)} MB`
export const formatTime = (timestamp: number): string => clock.format(timestamp)
