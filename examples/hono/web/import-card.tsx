import { HttpStatusError } from '@rivulet/client'
import {
  SSEConnectionIndicator,
  useConnectionStatus,
  useEventReducer,
  useEventStream,
  useServerEvent,
} from '@rivulet/react'
import type { ReactElement } from 'react'
import { events, importPath } from '../shared/events.ts'
import { doneOf, type ImportState, reduce, unknown } from './import-state.ts'
import { RejectedRows } from './rejected-rows.tsx'

interface ImportCardProps {
  readonly id: string
  readonly name: string
  readonly onRemove: () => void
}

export function ImportCard({ id, name, onRemove }: ImportCardProps): ReactElement {
  const stream = useEventStream()
  const { status, error } = useConnectionStatus()
  const state = useEventReducer([events.started, events.row, events.finished], reduce, unknown)
  // This is the last event, so the connection can end.
  useServerEvent(events.finished, () => stream.close())
  const done = doneOf(state)
  const failed = status === 'closed' && !state.finished && error !== undefined

  return (
    <article className="card" aria-labelledby={`${id}-name`}>
      <div className="card__bar">
        <h3 id={`${id}-name`}>{name}</h3>
        {state.finished || failed ? (
          <button type="button" className="button" onClick={onRemove}>
            Remove
          </button>
        ) : (
          <>
            <SSEConnectionIndicator />
            <button
              type="button"
              className="button"
              disabled={status !== 'open'}
              onClick={() => fetch(importPath(id), { method: 'DELETE' })}
            >
              Cancel
            </button>
          </>
        )}
      </div>
      {failed ? (
        <p className="error" role="alert">
          {error instanceof HttpStatusError ? error.body : String(error)}
        </p>
      ) : (
        <>
          <progress aria-label={`Rows of ${name}`} value={state.rows ? done : undefined} max={state.rows || 1} />
          <p className="card__now">{describe(state)}</p>
          <dl className="card__counts">
            <Count name="Rows" value={`${done} of ${state.rows}`} />
            <Count name="Accepted" value={state.accepted} tone="good" />
            <Count name="Rejected" value={state.rejected.length} tone="bad" />
          </dl>
          <RejectedRows rows={state.rejected} />
        </>
      )}
    </article>
  )
}

function Count({ name, value, tone = '' }: { name: string; value: string | number; tone?: string }): ReactElement {
  return (
    <div className={`count count--${tone}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function describe({ rows, last, finished }: ImportState): string {
  if (!finished) return last ? `Line ${last.line}: ${last.email}` : rows ? 'Starting …' : 'Waiting for the server …'
  const seconds = (finished.durationMs / 1_000).toFixed(1)
  if (finished.outcome === 'completed') return `Completed in ${seconds} s.`
  if (finished.outcome === 'cancelled') return `Cancelled after ${seconds} s. The rows that were done stay imported.`
  return `Failed after ${seconds} s: ${finished.error}`
}
