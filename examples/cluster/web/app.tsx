import { SSEConnectionIndicator, useEventReducer, useServerEvents } from '@rivulet/react'
import type { ReactElement } from 'react'
import { events } from '../shared/events.js'
import { useCurrentNode } from './current-node.js'
import { PageHeader } from './look/page-header.js'
import { count, nothing } from './tally.js'

export function App(): ReactElement {
  const node = useCurrentNode()
  const { events: lines } = useServerEvents(events.line, { limit: 50 })
  const { latest: pages } = useServerEvents(events.pages, { limit: 1 })
  const tally = useEventReducer(events.line, count, nothing)

  return (
    <>
      <PageHeader name="Cluster" indicator={<SSEConnectionIndicator />} />
      <main className="main">
        <div className="intro">
          <h2>Three nodes, one Redis</h2>
          <p>Kill nodes as you like: the lines go on, and none is missing.</p>
        </div>
        <section className="panel" aria-labelledby="page">
          <div className="panel__bar">
            <h2 id="page">This page</h2>
            <button
              type="button"
              className="button button--danger"
              onClick={() => fetch('/api/kill', { method: 'POST' })}
            >
              Kill a node
            </button>
          </div>
          <dl className="facts">
            <Fact name="On node" testId="node" value={node || '–'} />
            <Fact name="Open pages" testId="pages" value={pages ? describe(pages.nodes) : '–'} />
            <Fact name="Lines" testId="lines" value={tally.received.toLocaleString('en')} />
            <Fact name="Missing" testId="missing" value={tally.missing.toLocaleString('en')} isGood={!tally.missing} />
            <Fact
              name="Repeated"
              testId="repeated"
              value={tally.repeated.toLocaleString('en')}
              isGood={!tally.repeated}
            />
          </dl>
        </section>
        <section className="panel" aria-labelledby="lines">
          <div className="panel__bar">
            <h2 id="lines">Last lines</h2>
          </div>
          <ol className="lines">
            {lines.toReversed().map(({ id, text, source }) => (
              <li key={id}>
                <span>{text}</span>
                <span className="muted">by node {source}</span>
              </li>
            ))}
          </ol>
        </section>
      </main>
    </>
  )
}

interface FactProps {
  name: string
  testId: string
  value: string
  isGood?: boolean
}

function Fact({ name, testId, value, isGood }: FactProps): ReactElement {
  const tone = isGood === undefined ? '' : isGood ? ' fact--good' : ' fact--bad'
  return (
    <div className={`fact${tone}`}>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  )
}

function describe(nodes: Record<string, number>): string {
  const counts = Object.entries(nodes).sort(([one], [other]) => one.localeCompare(other))
  return counts.map(([name, count]) => `${name} ${count}`).join(' · ')
}
