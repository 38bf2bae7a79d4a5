import { encodeControlEvent, encodeMessage } from '@rivulet/core'
import type { BackplaneMessage, LiveMessage, StoredMessage } from '../backplane/backplane.js'
import { formatPosition } from '../backplane/position.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'

/** An event as a filter sees it: flat, as it is on the wire. */
export interface WireEvent {
  readonly id: string | undefined
  readonly type: string
  readonly timestamp: number
  readonly source: string
  readonly [key: string]: unknown
}

/** A frame with more characters than this does not keep its text beside its bytes, and is held by connections that wait. */
export const largeChars = 65_536

/** One event, or a notice in its place, on its way to the connections: encoded once. */
export class Frame {
  /** `undefined` for a notice about all channels of a stream. */
  readonly channel: string | undefined
  /** The event's position; `undefined` where it has none. */
  readonly position: number | undefined
  /** What it announces, where it is a notice of a gap. */
  readonly gap: ServerGapReason | undefined
  /** Whether it is the last event of its stream, that of a run. */
  readonly ends: boolean
  /** How many characters its text has. */
  readonly size: number
  readonly #message: BackplaneMessage | undefined
  #text: string | undefined
  #event: WireEvent | undefined
  #payload: Payload | undefined

  private constructor(channel: string | undefined, text: string, content: LiveMessage | ServerGapReason) {
    const message = typeof content === 'string' ? undefined : content
    this.channel = channel
    this.position = message?.position
    this.gap = message ? undefined : (content as ServerGapReason)
    this.ends = message?.type === 'rivulet:end'
    this.size = text.length
    this.#text = text
    this.#message = message
  }

  static of(channel: string, message: LiveMessage): Frame {
    return new Frame(channel, encodeFrame(message, message.position), message)
  }

  static gap(channel: string | undefined, reason: ServerGapReason): Frame {
    return new Frame(channel, encodeControlEvent({ type: 'rivulet:gap', channel, reason }), reason)
  }

  /** Its block of the event stream. */
  get text(): string {
    return this.#text ?? encodeFrame(this.#message!, this.position)
  }

  /** Its bytes, for all connections that get it in a write of its own. */
  get payload(): Payload {
    if (!this.#payload) {
      this.#payload = new Payload(this.text)
      if (this.#message && this.size > largeChars) this.#text = undefined
    }
    return this.#payload
  }

  /** Whether its bytes wait in some connection. */
  get isHeld(): boolean {
    return this.#payload !== undefined && this.#payload.holders > 0
  }

  /** Whether it is the frame of this event. */
  isOf(channel: string, { position, type, data }: StoredMessage): boolean {
    const message = this.#message
    return this.channel === channel && this.position === position && message?.type === type && message.data === data
  }

  /** The event, decoded when it is first asked for; `undefined` for a notice, which every connection gets. */
  get event(): WireEvent | undefined {
    if (this.#message && !this.#event) {
      const { type, data } = this.#message
      const id = this.position === undefined ? undefined : formatPosition(this.position)
      this.#event = { ...JSON.parse(data), id, type }
    }
    return this.#event
  }
}

/** The block of the event stream that an event is. */
export function encodeFrame({ type, data }: BackplaneMessage, position: number | undefined): string {
  const id = position === undefined ? undefined : formatPosition(position)
  return encodeMessage({ id, event: type, data })
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
