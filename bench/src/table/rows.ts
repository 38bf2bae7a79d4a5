/** An event of the workload. */
export interface Quote {
  readonly row: number
  readonly price: number
  readonly change: number
  readonly volume: number
}

/** A row of the table. */
export interface Row extends Quote {
  /** Number of its events. */
  readonly events: number
}

export const rowCount = 100

export const initialRows: readonly Row[] = Array.from({ length: rowCount }, (_, row) => ({
  row,
  price: 0,
  change: 0,
  volume: 0,
  events: 0,
}))

/** Applies an event to the table. Rows that it does not concern stay the same objects. */
export function update(rows: readonly Row[], { row, price, change, volume }: Quote): readonly Row[] {
  const next = rows.slice()
  next[row] = { row, price, change, volume, events: rows[row]!.events + 1 }
  return next
}

/** Number of events that the rows show. */
export function shownBy(rows: readonly Row[]): number {
  return rows.reduce((sum, { events }) => sum + events, 0)
}

/** The text of a row's cells. */
export function cellsOf({ row, price, change, volume, events }: Row): readonly string[] {
  return [`#${row}`, price.toFixed(2), `${change.toFixed(2)} %`, volume.toLocaleString('en-US'), String(events)]
}

declare global {
  /** The page's `throttleMs`. */
  const THROTTLE_MS: number

  interface Window {
    /** Number of events that the page shows. */
    shown: number
  }
}
