import { HttpStatusError } from '@rivulet/client'
import { type RunResult, useRun } from '@rivulet/react'
import type { ReactElement } from 'react'
import { events, importPath } from '../shared/events.ts'
import { doneOf, type ImportState, reduce, unknown } from './import-state.ts'
import { RejectedRows } from './rejected-rows.tsx'
import type { ChosenFile } from './use-imports.ts'

interface ImportCardProps {
  readonly id: string
  /** Starts the import. Without it, the import is followed. */
  readonly file: ChosenFile | undefined
  readonly onRestart: (() => void) | undefined
  readonly onRemove: () => void
}

const headers = { 'Content-Type': 'application/json' }

export function ImportCard({ id, file, onRestart, onRemove }: ImportCardProps): ReactElement {
  const run = useRun(importPath(id), {
    events,
    reduce,
    initial: unknown,
    // The address names the import, so the server starts it once, however often it is asked.
    ...(file && { headers, body: JSON.stringify(file), idempotent: true }),
  })
  const { output, state, error, status, stop } = run
  const name = output.name || file?.name || 'Import'
  const isOver = state === 'done' || state === 'stopped' || state === 'failed'
  const isUnknown = state === 'failed' && error instanceof HttpStatusError && error.status === 404

  return (
    <article className="panel card" aria-labelledby={`${id}-name`} data-state={state}>
      <div className="panel__bar">
        <h3 id={`${id}-name`}>{name}</h3>
        {isUnknown && onRestart && (
          <button type="button" className="button button--primary" onClick={onRestart}>
            Import again
          </button>
        )}
        {isOver ? (
          <button type="button" className="button" onClick={onRemove}>
            Remove
          </button>
        ) : (
          <button
            type="button"
            className="button"
            disabled={status !== 'open'}
            onClick={() => stop().catch((reason) => console.error(reason))}
          >
            Cancel
          </button>
        )}
      </div>
      {state === 'failed' && (
        <p className="problem" role="alert">
          {describeFailure(run)}
        </p>
      )}
      {(output.rows > 0 || !isOver) && (
        <>
          <progress
            aria-label={`Rows of ${name}`}
            value={output.rows ? doneOf(output) : undefined}
            max={output.rows || 1}
          />
          <p className="card__now">{describe(run)}</p>
          <dl className="card__counts">
            <Count name="Rows" value={`${doneOf(output)} of ${output.rows}`} />
            <Count name="Accepted" value={output.accepted} tone="good" />
            <Count name="Rejected" value={output.rejected.length} tone="bad" />
          </dl>
          <RejectedRows rows={output.rejected} />
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

function describe({ output, state, status, error }: RunResult<ImportState>): string {
  const { rows, last, durationMs } = output
  const seconds = (durationMs / 1_000).toFixed(1)
  if (state === 'done') return `Completed in ${seconds} s.`
  if (state === 'stopped') return `Cancelled after ${seconds} s. The rows that were done stay imported.`
  if (state === 'failed') return `Ended after ${seconds} s.`
  if (status === 'waiting')
    return error instanceof HttpStatusError && error.status === 429
      ? 'Several imports are running. This one waits for its turn.'
      : 'The connection is lost. The import goes on, and is shown again when it is back.'
  if (last) return `Line ${last.line}: ${last.email}`
  return rows > 0 ? 'Starting …' : 'Waiting for the server …'
}

const reasons: Readonly<Record<string, string>> = {
  shutdown: 'The server was restarted in the middle of this import.',
  'producer lost': 'The server went down in the middle of this import.',
  timeout: 'This import took too long.',
}

function describeFailure({ reason, error }: RunResult<ImportState>): string {
  if (reason !== undefined) return reasons[reason] ?? 'Something broke on the server.'
  if (!(error instanceof HttpStatusError)) return String(error)
  return error.status === 404
    ? 'The server does not know this import: it was restarted, or an hour has passed.'
    : error.body || `The server answered ${error.status}.`
}
