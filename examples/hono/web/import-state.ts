import type { ImportEvent, RowEvent } from '../shared/events.ts'

/** State of an import, folded from its events so far. */
export interface ImportState {
  readonly name: string
  readonly rows: number
  readonly accepted: number
  readonly rejected: readonly RowEvent[]
  readonly last: RowEvent | undefined
  /** From its first event to its last one, in milliseconds. */
  readonly durationMs: number
  readonly startedAt: number
}

export const unknown: ImportState = {
  name: '',
  rows: 0,
  accepted: 0,
  rejected: [],
  last: undefined,
  durationMs: 0,
  startedAt: 0,
}

export function reduce(state: ImportState, event: ImportEvent): ImportState {
  if (event.type === 'started') return { ...unknown, name: event.name, rows: event.rows, startedAt: event.timestamp }
  const next = { ...state, last: event, durationMs: event.timestamp - state.startedAt }
  return event.rejected === undefined
    ? { ...next, accepted: state.accepted + 1 }
    : { ...next, rejected: [...state.rejected, event] }
}

export const doneOf = ({ accepted, rejected }: ImportState): number => accepted + rejected.length
