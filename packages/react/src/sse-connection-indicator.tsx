import { type IndicatorLabels, isOnline, observeOnline, viewIndicator } from '@rivulet/client/binding'
import { type ReactElement, useRef, useState, useSyncExternalStore } from 'react'
import { useConnectionStatus } from './use-connection-status.js'
import { useCountdown } from './use-countdown.js'
import { useEventStream } from './use-event-stream.js'

export interface SSEConnectionIndicatorProps {
  /** Class names added to its own. */
  className?: string
  /** Replaces the English texts, some or all of them. */
  labels?: Partial<IndicatorLabels>
}

/**
 * Shows the state of the connection in words, with a button to retry or to dismiss a gap. Screen readers announce each
 * new state, but not the seconds of the countdown.
 *
 * It comes unstyled: import `@rivulet/react/indicator.css`, or style its class names `rivulet-indicator`,
 * `rivulet-indicator--<status>` (`idle`, `connecting`, `open`, `waiting`, `closed`), `--offline` and `--gap`, and of
 * its parts `rivulet-indicator__text`, `__countdown` and `__button`.
 *
 * @throws {MissingStreamError} outside a provider
 */
export function SSEConnectionIndicator({ className, labels }: SSEConnectionIndicatorProps): ReactElement {
  const { reconnect, ...connection } = useConnectionStatus()
  const [seenGap, setSeenGap] = useState(connection.gap)
  const online = useSyncExternalStore(observeOnline, isOnline, () => true)
  const seconds = useCountdown(useEventStream().clock, connection.retryAt)
  const root = useRef<HTMLDivElement>(null)
  const view = viewIndicator({ connection, online, seenGap, seconds }, labels)

  function press(action: () => void): void {
    // The button is about to disappear. The focus must not go with it.
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
