import { SSEConnectionIndicator, useEventReducer, useServerEvents } from '@rivulet/react'
import type { ReactElement } from 'react'
import { events } from '../shared/events.js'
import { useCurrentNode } from './current-node.js'
import { count, nothing } from './tally.js'

export function App(): ReactElement {
  const node = useCurrentNode()
  const { events: lines } = useServerEvents(events.line, { limit: 50 })
  const { latest: pages } = useServerEvents(events.pages, { limit: 1 })
  const tally = useEventReducer(events.line, count, nothing)
  const facts = [
    ['Lines', tally.received],
    ['Missing', tally.missing],
    ['Repeated', tally.repeated],
  ] as const

  return (
    <main className="app">
      <header className="header">
        <div>
          <h1>Cluster</h1>
          <p>Three nodes, one Redis. Kill nodes as you like: the lines go on, and none is missing.</p>
        </div>
        <SSEConnectionIndicator />
      </header>
      <section className="facts" aria-label="This page">
        <div className="fact">
          <span>On node</span>
          <b data-testid="node">{node || '–'}</b>
        </div>
        {facts.map(([name, value]) => (
          <div key={name} className="fact">
            <span>{name}</span>
            <b data-testid={name.toLowerCase()}>{value.toLocaleString('en')}</b>
          </div>
        ))}
        <div className="fact">
          <span>Open pages</span>
          <b data-testid="pages">{pages ? describe(pages.nodes) : '–'}</b>
        </div>
        <button type="button" className="button" onClick={() => fetch('/api/kill', { method: 'POST' })}>
          Kill a node
        </button>
      </section>
      <section className="panel" aria-labelledby="lines">
        <h2 id="lines">Last lines</h2>
        <ol>
          {lines.toReversed().map(({ id, text, source }) => (
            <li key={id}>
              <span>{text}</span>
              <span className="muted">by node {source}</span>
            </li>
          ))}
        </ol>
      </section>
    </main>
  )
}

function describe(nodes: Record<string, number>): string {
  const counts = Object.entries(nodes).sort(([one], [other]) => one.localeCompare(other))
  return counts.map(([name, count]) => `${name} ${count}`).join(' · ')
}
