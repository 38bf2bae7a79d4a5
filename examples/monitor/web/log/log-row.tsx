import { memo, type ReactElement, type Ref } from 'react'
import type { LogEvent } from '../../shared/events.js'
import { formatTimeMs } from '../format.js'

export interface LogRowProps {
  id: string
  line: LogEvent
  selected: boolean
  /** Number of the row among all rows, drawn or not, from one. */
  position: number
  size: number
  onSelect: (line: LogEvent | undefined) => void
  /** Gets the row's element, to measure it. */
  ref: Ref<HTMLDivElement>
}

export const LogRow = memo(function LogRow({
  id,
  line,
  selected,
  position,
  size,
  onSelect,
  ref,
}: LogRowProps): ReactElement {
  return (
    // The list handles the keys: it has the focus, and its rows come and go.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    // biome-ignore lint/a11y/useFocusableInteractive: see above
    <div
      ref={ref}
      id={id}
      role="option"
      aria-selected={selected}
      aria-posinset={position}
      aria-setsize={size}
      className={`log-row log-row--${line.level}`}
      data-index={position - 1}
      data-testid="log-row"
      data-event-id={line.id}
      onClick={() => onSelect(selected ? undefined : line)}
    >
      <time className="log-row__time" dateTime={new Date(line.timestamp).toISOString()}>
        {formatTimeMs(line.timestamp)}
      </time>
      <span className="log-row__level">{line.level}</span>
      <span className="log-row__message">{line.message}</span>
    </div>
  )
})
