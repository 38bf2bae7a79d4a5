/** The texts of a connection indicator. */
export interface IndicatorLabels {
  connecting: string
  open: string
  /** The connection was lost, and is tried again. */
  reconnecting: string
  /** When that happens, behind `reconnecting`; not read out. */
  countdown: (seconds: number) => string
  /** The browser has no network. */
  offline: string
  closed: string
  /** Connected, but events are missing. */
  gap: string
  /** The button that tries now. */
  retry: string
  /** The button that takes note of a gap. */
  dismiss: string
}

export const defaultLabels: IndicatorLabels = {
  connecting: 'Connecting',
  open: 'Connected',
  reconnecting: 'Reconnecting',
  countdown: (seconds) => `in ${seconds} s`,
  offline: 'Offline',
  closed: 'Disconnected',
  gap: 'Connected, some events were missed',
  retry: 'Retry now',
  dismiss: 'OK',
}
