import type { ReactElement } from 'react'
import type { ScrapingEvent } from '../../shared/events.js'
import { formatDuration } from '../format.js'
import { describeRun, runState } from './run-state.js'
import { SourceRow } from './source-row.js'
import { useStartScrape } from './use-start-scrape.js'

export interface ScrapingPanelProps {
  run: ScrapingEvent | undefined
  serverStartedAt: number | undefined
}

export function ScrapingPanel({ run, serverStartedAt }: ScrapingPanelProps): ReactElement {
  const { start, problem } = useStartScrape()
  const state = runState(run, serverStartedAt)
  const running = state === 'running'
  return (
    <section className="panel scraping" aria-labelledby="scraping-title">
      <div className="panel__bar">
        <h2 id="scraping-title">Proxy scrape</h2>
        <button
          type="button"
          className="button button--primary"
          // Not `disabled`, which would take the focus from the user who has just pressed it.
          aria-disabled={running}
          onClick={() => void (running || start())}
        >
          Start scrape
        </button>
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {run ? <Run run={run} state={state} /> : <p className="empty">No run yet. Start one to read the sources.</p>}
    </section>
  )
}

function Run({ run, state }: { run: ScrapingEvent; state: ReturnType<typeof runState> }): ReactElement {
  const text = describeRun(run, state)
  return (
    <div className={`run run--${state}`}>
      <div className="run__numbers">
        <p className="run__found">
          {run.proxiesFound} <span className="run__unit">proxies</span>
        </p>
        <p className="run__text" role="status">
          {text}
        </p>
      </div>
      <div
        className="progress"
        role="progressbar"
        aria-label="Scraping progress"
        aria-valuenow={run.progress}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuetext={`${run.progress} %, ${run.proxiesFound} proxies`}
      >
        <div className="progress__bar" style={{ transform: `scaleX(${run.progress / 100})` }} />
      </div>
      <ul className="sources">
        {run.sources.map((source) => (
          <SourceRow key={source.url} source={source} interrupted={state === 'interrupted'} />
        ))}
      </ul>
      {state === 'completed' && (
        <p className="run__foot">
          <span>{formatDuration(run.durationMs)}</span>
          <a href="/api/proxies" target="_blank" rel="noreferrer">
            Show the list
          </a>
        </p>
      )}
    </div>
  )
}
