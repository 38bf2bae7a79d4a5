import { type IndicatorLabels, isOnline, observeOnline, viewIndicator } from '@rivulet/client/binding'
import { type ReactElement, useRef, useState, useSyncExternalStore } from 'react'
import { useConnectionStatus } from './use-connection-status.js'
import { useCountdown } from './use-countdown.js'
import { useEventStream } from './use-event-stream.js'

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
  const { reconnect, ...connection } = useConnectionStatus()
  const [seenGap, setSeenGap] = useState(connection.gap)
  const online = useSyncExternalStore(observeOnline, isOnline, () => true)
  const seconds = useCountdown(useEventStream().clock, connection.retryAt)
  const root = useRef<HTMLDivElement>(null)
  const view = viewIndicator({ connection, online, seenGap, seconds }, labels)

  function press(action: () => void): void {
    // The button is about to go, and the focus with it.
    root.current?.focus()
    action()
  }

  return (
    <div ref={root} tabIndex={-1} className={[...view.classNames, className].filter(Boolean).join(' ')}>
      <span role="status" className="rivulet-indicator__text">
        {view.text}
      </span>
      {view.countdown !== undefined && (
        <span aria-hidden="true" className="rivulet-indicator__countdown">
          {view.countdown}
        </span>
      )}
      {view.dismiss !== undefined && (
        <button
          type="button"
          className="rivulet-indicator__button"
          onClick={() => press(() => setSeenGap(connection.gap))}
        >
          {view.dismiss}
        </button>
      )}
      {view.retry !== undefined && (
        <button type="button" className="rivulet-indicator__button" onClick={() => press(reconnect)}>
          {view.retry}
        </button>
      )}
    </div>
  )
}
