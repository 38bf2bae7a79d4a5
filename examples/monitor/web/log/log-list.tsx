import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, type ReactElement, useLayoutEffect, useRef } from 'react'
import type { LogEvent } from '../../shared/events.js'
import { Icon } from '../icons.js'
import { isOutage, keyOf, type LogEntry } from './log-entries.js'
import { LogRow } from './log-row.js'
import { OutageRow } from './outage-row.js'

/** Height of a line on wide screens. On narrow ones, lines break and are measured. */
const rowHeight = 24

export interface LogListProps {
  entries: readonly LogEntry[]
  selected: LogEvent | undefined
  onSelect: (line: LogEvent | undefined) => void
  emptyText: string
}

/** Draws only the visible rows. Stays at the end while the reader is there, and does not move otherwise. */
export function LogList({ entries, selected, onSelect, emptyText }: LogListProps): ReactElement {
  const viewport = useRef<HTMLDivElement>(null)
  const virtualizer = useVirtualizer({
    count: entries.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => keyOf(entries[index]!),
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: rowHeight,
    overscan: 12,
  })
  useLayoutEffect(() => virtualizer.scrollToEnd(), [virtualizer])
  const selectedIndex = selected ? entries.indexOf(selected) : -1

  const select = (index: number): void => {
    onSelect(entries[index] as LogEvent)
    virtualizer.scrollToIndex(index)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const index = nextIndex(event.key, selectedIndex, entries)
    if (event.key === 'Escape') onSelect(undefined)
    if (index === undefined) return
    event.preventDefault()
    select(index)
  }

  const atEnd = virtualizer.isAtEnd()
  return (
    <div className="log__body">
      {entries.length === 0 && <p className="empty">{emptyText}</p>}
      <div
        ref={viewport}
        className="log__viewport"
        role="listbox"
        aria-label="Log lines"
        aria-activedescendant={selectedIndex >= 0 ? rowId(selected!.id!) : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div role="presentation" style={{ height: virtualizer.getTotalSize() }}>
          <div
            role="presentation"
            style={{ transform: `translateY(${virtualizer.getVirtualItems()[0]?.start ?? 0}px)` }}
          >
            {virtualizer.getVirtualItems().map(({ index, key }) => {
              const entry = entries[index]!
              return isOutage(entry) ? (
                <OutageRow key={key} ref={virtualizer.measureElement} outage={entry} index={index} />
              ) : (
                <LogRow
                  key={key}
                  ref={virtualizer.measureElement}
                  id={rowId(entry.id!)}
                  line={entry}
                  selected={entry === selected}
                  position={index + 1}
                  size={entries.length}
                  onSelect={onSelect}
                />
              )
            })}
          </div>
        </div>
      </div>
      {!atEnd && entries.length > 0 && (
        <button type="button" className="button log__follow" onClick={() => virtualizer.scrollToEnd()}>
          <Icon name="down" />
          Latest
        </button>
      )}
    </div>
  )
}

function rowId(eventId: string): string {
  return `log-${eventId}`
}

/** Returns the row to which a key moves the selection. Skips outages. */
function nextIndex(key: string, from: number, entries: readonly LogEntry[]): number | undefined {
  const last = entries.length - 1
  const find = (start: number, step: 1 | -1): number | undefined => {
    for (let index = start; index >= 0 && index <= last; index += step) if (!isOutage(entries[index]!)) return index
    return undefined
  }
  if (key === 'ArrowDown') return find(from + 1, 1)
  if (key === 'ArrowUp') return find(from < 0 ? last : from - 1, -1)
  if (key === 'Home') return find(0, 1)
  if (key === 'End') return find(last, -1)
  return undefined
}
