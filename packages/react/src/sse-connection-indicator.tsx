import { defaultLabels, type IndicatorLabels } from '@rivulet/client/binding'
import { type ReactElement, useRef, useState } from 'react'
import { useConnectionStatus } from './use-connection-status.js'
import { useCountdown } from './use-countdown.js'
import { useOnline } from './use-online.js'

export interface SSEConnectionIndicatorProps {
  /** Added to the class names of its own. */
  className?: string
  /** Replaces some of the texts, or all. */
  labels?: Partial<IndicatorLabels>
}

/**
 * Tells what the connection is doing, in words, and lets the user retry. What changes is read out by screen readers, but not
 * each second of the countdown.
 *
 * It has no looks of its own: import `@rivulet/react/indicator.css`, or style its class names `rivulet-indicator`,
 * `rivulet-indicator--<status>` (`idle`, `connecting`, `open`, `waiting`, `closed`), `--offline`, `--gap`, and inside of it
 * `rivulet-indicator__text`, `__countdown` and `__button`.
 *
 * @throws {MissingProviderError}
 */
export function SSEConnectionIndicator({ className, labels }: SSEConnectionIndicatorProps): ReactElement {
  const { status, attempt, retryAt, gap, reconnect } = useConnectionStatus()
  const [seenGap, setSeenGap] = useState(gap)
  const online = useOnline()
  const seconds = useCountdown(retryAt)
  const root = useRef<HTMLDivElement>(null)
  const text = { ...defaultLabels, ...labels }

  const trying = status === 'connecting' || status === 'waiting'
  const offline = trying && !online
  const hasGap = status === 'open' && gap !== undefined && gap !== seenGap
  const state = offline
    ? 'offline'
    : hasGap
      ? 'gap'
      : status === 'waiting' || (trying && attempt > 0)
        ? 'reconnecting'
        : status === 'idle'
          ? 'connecting'
          : status
  const modifiers = [status, offline && 'offline', hasGap && 'gap'].filter(Boolean)
  const button = (label: string, action: () => void): ReactElement => (
    <button
      type="button"
      className="rivulet-indicator__button"
      onClick={() => {
        // The button is about to go, and the focus with it.
        root.current?.focus()
        action()
      }}
    >
      {label}
    </button>
  )

  return (
    <div
      ref={root}
      tabIndex={-1}
      className={['rivulet-indicator', ...modifiers.map((name) => `rivulet-indicator--${name}`), className]
        .filter(Boolean)
        .join(' ')}
    >
      <span role="status" className="rivulet-indicator__text">
        {text[state]}
      </span>
      {state === 'reconnecting' && seconds !== undefined && (
        <span aria-hidden="true" className="rivulet-indicator__countdown">
          {text.countdown(seconds)}
        </span>
      )}
      {hasGap && button(text.dismiss, () => setSeenGap(gap))}
      {(status === 'waiting' || status === 'closed') && button(text.retry, reconnect)}
    </div>
  )
}
