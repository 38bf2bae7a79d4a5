import type { BackplaneMessage, StoredMessage } from '@rivulet/server'
import { fromColumn, numberOf, type Row, toColumn } from '../database/sqlite-database.js'

/** Limits of one chunk. */
const maxEvents = 64
const maxChars = 65_536

/** An event that a transaction stores. */
export interface NewEvent extends BackplaneMessage {
  readonly position: number
}

/** Events of one channel that one transaction stores in one row. A row each would cost three times as much. */
export class Chunk {
  readonly previous: number
  readonly events: NewEvent[] = []
  #chars = 0

  constructor(previous: number) {
    this.previous = previous
  }

  get full(): boolean {
    return this.events.length >= maxEvents || this.#chars >= maxChars
  }

  get last(): number {
    return this.events.at(-1)!.position
  }

  get chars(): number {
    return this.#chars
  }

  add(event: NewEvent): void {
    this.events.push(event)
    this.#chars += event.data.length
  }

  head(): string {
    const { last } = this
    return JSON.stringify(this.events.map(({ position, type, data }) => [last - position, type, data.length]))
  }

  body(): string {
    return toColumn(this.events.length === 1 ? this.events[0]!.data : this.events.map(({ data }) => data).join(''))
  }
}

/** An event of a stored chunk. */
export interface ChunkEvent extends StoredMessage {
  /** The count of the channel's events up to this one. */
  readonly number: number
  /** The characters of the channel's events before this one. */
  readonly charsBefore: number
}

/** Reads the events of a row. Their data is empty if the row has no body. */
export function eventsOf(row: Row): ChunkEvent[] {
  const head = JSON.parse(row.head as string) as [distance: number, type: string, length: number][]
  const body = row.body === undefined ? '' : fromColumn(row.body)
  const last = numberOf(row.last)
  let previous = numberOf(row.previous)
  let number = numberOf(row.number) - head.length
  let charsBefore = numberOf(row.total) - head.reduce((sum, [, , length]) => sum + length, 0)
  let start = 0
  return head.map(([distance, type, length]) => {
    const position = last - distance
    const data = body.slice(start, start + length)
    const event = { type, data, position, previous, number: ++number, charsBefore }
    start += length
    charsBefore += length
    previous = position
    return event
  })
}
