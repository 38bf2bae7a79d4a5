import { type BackplaneMessage, positionAt, type RetentionBounds, type StoredMessage } from '@rivulet/server'
import { Chunk } from './chunk.js'

export type Bounds = Readonly<Required<RetentionBounds>>

/** The stored facts of a channel. */
export interface LogFacts {
  /** The row of the channel; `undefined` before its first event. */
  id: number | undefined
  /** The position of the newest event, kept or not; before the first event, the channel's beginning. */
  last: number
  /** The count and the characters of all events. */
  number: number
  total: number
  /** The count and the characters of those that were dropped. */
  floorNumber: number
  floorTotal: number
  /** The time of the next check in milliseconds, or `Infinity`. */
  due: number
}

/** The edge of what is kept: events after this position and this count, with at least so many characters before them. */
export interface Edge {
  readonly position: number
  readonly number: number
  readonly total: number
}

/** A channel's stored facts, and the events that the current transaction adds. */
export class Log {
  readonly channel: string
  bounds: Bounds
  facts: LogFacts
  /** The chunks to write at the end of the current transaction. */
  chunks: Chunk[] = []
  /** The current transaction has changed the facts. */
  dirty = false

  constructor(channel: string, bounds: Bounds, facts: LogFacts) {
    this.channel = channel
    this.bounds = bounds
    this.facts = facts
  }

  /** The stored events that are too many, or in excess of the characters, once they are enough for a deletion. */
  get exceeds(): boolean {
    const { maxEvents, maxBytes } = this.bounds
    const { number, total, floorNumber, floorTotal } = this.facts
    return (
      number - floorNumber > maxEvents + Math.floor(maxEvents * slack) ||
      total - floorTotal > maxBytes + maxBytes * slack
    )
  }

  edge(now: number): Edge {
    const { bounds, facts } = this
    return {
      position: Math.max(0, positionAt(now - bounds.maxAgeMs) - 1),
      number: Math.max(0, facts.number - bounds.maxEvents),
      total: Math.max(-1, facts.total - bounds.maxBytes),
    }
  }

  append({ type, data }: BackplaneMessage, position: number): StoredMessage {
    const { facts } = this
    const event = { type, data, position, previous: facts.last }
    let chunk = this.chunks.at(-1)
    if (!chunk || chunk.full) {
      chunk = new Chunk(event.previous)
      this.chunks.push(chunk)
    }
    chunk.add(event)
    facts.last = position
    facts.number++
    facts.total += data.length
    return event
  }
}

/** The share of the bounds by which stored events may exceed them. Reads leave these events out. */
const slack = 1 / 8
