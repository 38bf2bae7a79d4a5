import type { FinishedEvent, ImportEvent, RowEvent } from '../shared/events.ts'

/** State of an import, folded from its events so far. */
export interface ImportState {
  readonly rows: number
  readonly accepted: number
  readonly rejected: readonly RowEvent[]
  readonly last: RowEvent | undefined
  readonly finished: FinishedEvent | undefined
}

export const unknown: ImportState = { rows: 0, accepted: 0, rejected: [], last: undefined, finished: undefined }

export function reduce(state: ImportState, event: ImportEvent): ImportState {
  switch (event.type) {
    case 'started':
      return { ...unknown, rows: event.rows }
    case 'row':
      return event.rejected === undefined
        ? { ...state, last: event, accepted: state.accepted + 1 }
        : { ...state, last: event, rejected: [...state.rejected, event] }
    case 'finished':
      return { ...state, finished: event }
  }
}

export const doneOf = ({ accepted, rejected }: ImportState): number => accepted + rejected.length
