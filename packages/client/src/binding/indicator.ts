import type { ConnectionState } from '../event-stream-service.js'

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

/** The state of a connection, as far as an indicator shows it. */
export interface IndicatorState {
  connection: ConnectionState
  /** Whether the browser has a network. */
  online: boolean
  /** Gap that the user has taken note of, or that was there before the indicator. */
  seenGap: unknown
  /** Seconds until the next attempt, where there is one. */
  seconds: number | undefined
}

/** Everything that a connection indicator shows. */
export interface IndicatorView {
  classNames: readonly string[]
  text: string
  countdown: string | undefined
  /** Label of the button that takes note of a gap, where there is one. */
  dismiss: string | undefined
  /** Label of the button that tries now, where there is one. */
  retry: string | undefined
}

export function viewIndicator(
  { connection, online, seenGap, seconds }: IndicatorState,
  labels?: Partial<IndicatorLabels>,
): IndicatorView {
  const { status, attempt, gap } = connection
  const text = { ...defaultLabels, ...labels }
  const trying = status === 'connecting' || status === 'waiting'
  const offline = trying && !online
  const hasGap = status === 'open' && gap !== undefined && gap !== seenGap
  const retrying = status === 'waiting' || (trying && attempt > 0)
  const shown = offline ? 'offline' : hasGap ? 'gap' : retrying ? 'reconnecting' : status
  const modifiers = [status, offline && 'offline', hasGap && 'gap'].filter(Boolean)
  return {
    classNames: ['rivulet-indicator', ...modifiers.map((name) => `rivulet-indicator--${name}`)],
    text: text[shown === 'idle' ? 'connecting' : shown],
    countdown: shown === 'reconnecting' && seconds !== undefined ? text.countdown(seconds) : undefined,
    dismiss: hasGap ? text.dismiss : undefined,
    retry: status === 'waiting' || status === 'closed' ? text.retry : undefined,
  }
}
