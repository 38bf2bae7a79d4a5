import { useServerEvents } from '@rivulet/react'
import { type ReactElement, useDeferredValue, useMemo, useState } from 'react'
import { events, type LogEvent, type LogLevel } from '../../shared/events.js'
import type { Outage } from '../connection/outages.js'
import { comparePositions } from '../connection/position.js'
import { LogDetails } from './log-details.js'
import { countAfter, countLevels, filterLines, insertOutages, levels } from './log-entries.js'
import { LogList } from './log-list.js'
import { LogToolbar } from './log-toolbar.js'

/** Number of lines that the page keeps; it drops the oldest. */
const limit = 5_000

export function LogPanel({ outages }: { outages: readonly Outage[] }): ReactElement {
  const { events: live } = useServerEvents(events.log, { limit })
  const [paused, setPaused] = useState<readonly LogEvent[]>()
  const [shown, setShown] = useState<ReadonlySet<LogLevel>>(new Set(levels))
  const [search, setSearch] = useState('')
  const [selected, setSelected] = useState<LogEvent>()
  const text = useDeferredValue(search)

  const lines = paused ?? live
  const counts = useMemo(() => countLevels(lines), [lines])
  const entries = useMemo(() => {
    const kept =
      lines.length < limit ? outages : outages.filter(({ afterId }) => comparePositions(afterId, lines[0]!.id!) >= 0)
    return insertOutages(filterLines(lines, shown, text), kept)
  }, [lines, outages, shown, text])

  return (
    <section className="panel log" aria-labelledby="log-title">
      <LogToolbar
        counts={counts}
        shown={shown}
        onShown={setShown}
        search={search}
        onSearch={setSearch}
        paused={paused !== undefined}
        waiting={paused ? countAfter(live, paused.at(-1)?.id) : 0}
        onPause={() => setPaused(paused ? undefined : live)}
      />
      <LogList
        entries={entries}
        selected={selected}
        onSelect={setSelected}
        emptyText={lines.length > 0 ? 'No line passes the filter.' : 'Waiting for the first line.'}
      />
      {selected && <LogDetails line={selected} onClose={() => setSelected(undefined)} />}
    </section>
  )
}
