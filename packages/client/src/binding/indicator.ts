import type { ConnectionState } from '../connection-state.js'

/** Texts of a connection indicator. */
export interface IndicatorLabels {
  connecting: string
  open: string
  /** The connection was lost and will be tried again. */
  reconnecting: string
  /** Time until the next attempt, shown behind `reconnecting`. Screen readers skip it. */
  countdown: (seconds: number) => string
  /** The browser has no network. */
  offline: string
  closed: string
  /** Connected, but events are missing. */
  gap: string
  /** Label of the button that tries now. */
  retry: string
  /** Label of the button that dismisses a gap. */
  dismiss: string
}

/** English labels, used where no label is given. */
export const defaultLabels: IndicatorLabels = {
  connecting: 'Connecting',
  open: 'Connected',
  reconnecting: 'Reconnecting',
  countdown: (seconds) => `in ${seconds} s`,
  offline: 'Offline',
  closed: 'Disconnected',
  gap: 'Missed some events',
  retry: 'Retry',
  dismiss: 'OK',
}

/** Facts that an indicator shows. */
export interface IndicatorState {
  connection: ConnectionState
  /** True if the browser has a network: the result of `isOnline()`. True on a server. */
  online: boolean
  /** The `connection.gap` that the user has dismissed, or that is older than the indicator. */
  seenGap: unknown
  /** Seconds until the next attempt: `secondsUntil(clock, retryAt)`. `undefined` if none is planned. */
  seconds: number | undefined
}

/** Texts and class names that an indicator renders. */
export interface IndicatorView {
  /** Class names of the root element. */
  classNames: readonly string[]
  /** Text of the status. Screen readers read it out when it changes (`role="status"`). */
  text: string
  /** Text after the status, which the binding MUST hide from screen readers. `undefined`: none. */
  countdown: string | undefined
  /** Label of the button that dismisses the gap. `undefined`: no button. */
  dismiss: string | undefined
  /** Label of the button that tries now. `undefined`: no button. */
  retry: string | undefined
}

/**
 * Decides how an indicator looks. A binding renders the result and styles it with the shared `indicator.css`.
 *
 * @param labels Replace some of the texts, or all.
 */
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
