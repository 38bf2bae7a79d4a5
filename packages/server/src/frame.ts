import { encodeControlEvent, encodeMessage, type GapReason } from '@rivulet/core'
import type { BackplaneMessage, LiveMessage } from './backplane.js'
import { Payload } from './payload.js'
import { formatPosition } from './sequence.js'

/** An event as a filter sees it: flat, as it is on the wire. */
export interface WireEvent {
  readonly id: string | undefined
  readonly type: string
  readonly timestamp: number
  readonly source: string
  readonly [key: string]: unknown
}

/** One event, or a notice in its place, on its way to the connections: encoded once. */
export class Frame {
  /** `undefined` for a notice about all channels of a stream. */
  readonly channel: string | undefined
  /** The event's position; `undefined` where it has none. */
  readonly seq: number | undefined
  /** Its block of the event stream. */
  readonly text: string
  /** What it announces, where it is a notice of a gap. */
  readonly gap: GapReason | undefined
  readonly #message: BackplaneMessage | undefined
  #event: WireEvent | undefined
  #payload: Payload | undefined

  private constructor(
    channel: string | undefined,
    seq: number | undefined,
    text: string,
    content: BackplaneMessage | GapReason,
  ) {
    this.channel = channel
    this.seq = seq
    this.text = text
    this.gap = typeof content === 'string' ? content : undefined
    this.#message = typeof content === 'string' ? undefined : content
  }

  static of(channel: string, message: LiveMessage): Frame {
    const { type, data, seq } = message
    const id = seq === undefined ? undefined : formatPosition(seq)
    return new Frame(channel, seq, encodeMessage({ id, event: type, data }), message)
  }

  static gap(channel: string | undefined, reason: GapReason): Frame {
    return new Frame(channel, undefined, encodeControlEvent({ type: 'rivulet:gap', channel, reason }), reason)
  }

  /** Its bytes, for all connections that get it in a write of its own. */
  get payload(): Payload {
    this.#payload ??= new Payload(this.text)
    return this.#payload
  }

  /** The event, decoded when it is first asked for; `undefined` for a notice, which every connection gets. */
  get event(): WireEvent | undefined {
    if (this.#message && !this.#event) {
      const { type, data } = this.#message
      const id = this.seq === undefined ? undefined : formatPosition(this.seq)
      this.#event = { ...JSON.parse(data), id, type }
    }
    return this.#event
  }
}

/**
 * An event's data: the payload's own keys, then `timestamp` and `source`. The text is extended rather than the object
 * copied: that is cheaper, and the payload's own `toJSON` decides what its keys are.
 *
 * @param json The payload's JSON, an object.
 */
export function encodeData(json: string, timestamp: number, source: string): string {
  const rest = `"timestamp":${timestamp},"source":${JSON.stringify(source)}}`
  return json === '{}' ? `{${rest}` : `${json.slice(0, -1)},${rest}`
}
