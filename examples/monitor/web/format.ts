const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const clockWithMs = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** 14:05:09, in the reader's time zone. */
export function formatTime(timestamp: number): string {
  return clock.format(timestamp)
}

/** 14:05:09.120 */
export function formatTimeMs(timestamp: number): string {
  return clockWithMs.format(timestamp)
}

/** 820 ms · 4.1 s · 2 min 5 s */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1_000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** 45 s · 12 min · 3 h 20 min · 2 d 4 h */
export function formatUptime(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** One decimal below ten, none above: the digits that can be read at a glance. */
export function formatAmount(value: number): string {
  return value !== 0 && value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value))
}

/** 4 · 12/s · 3.1 ms · 107 MiB */
export function formatQuantity(value: number, unit: string): string {
  const isJoined = unit === '' || unit.startsWith('/')
  return formatAmount(value) + (isJoined ? unit : `\u00a0${unit}`)
}
