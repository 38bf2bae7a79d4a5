import { encodeControlEvent, encodeMessage } from '@rivulet/core'
import type { BackplaneMessage, LiveMessage, StoredMessage } from '../backplane/backplane.js'
import { formatPosition } from '../backplane/position.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { LargePayload, partChars } from '../sinks/large-payload.js'
import { Payload } from '../sinks/payload.js'

/** An event as a filter sees it: the flat object of the wire. */
export interface WireEvent {
  readonly id: string | undefined
  readonly type: string
  readonly timestamp: number
  readonly source: string
  /** Absent on the channel `default`. */
  readonly channel?: string
  readonly [key: string]: unknown
}

/** The fields that the server adds to a payload. */
export interface Stamp {
  readonly timestamp: number
  readonly source: string
  /** The channel of the event. Not written if it is `default`, which is the default. */
  readonly channel?: string | undefined
}

/** A frame with more characters than this drops its text once it has bytes, and counts the connections that still hold it. */
export const largeChars = 65_536

/** Tells if an event of this type is the last one of its stream, a run. */
export function endsStream(type: string): boolean {
  return type === 'rivulet:end'
}

/** An event, or the notice of a gap, on its way to connections. Encoded once for all of them. */
export class Frame {
  /** `undefined` for a gap in all channels of a stream. */
  readonly channel: string | undefined
  /** The event's position; `undefined` for a gap or a live-only event. */
  readonly position: number | undefined
  /** The reason, for the notice of a gap. */
  readonly gap: ServerGapReason | undefined
  /** For the notice of a gap, the position of the last missing event: it concerns nobody who has all events up to there. */
  readonly upTo: number | undefined
  /** True for the last event of its stream, a run. */
  readonly ends: boolean
  /** The length of the text in characters. */
  readonly size: number
  readonly #message: BackplaneMessage | undefined
  #text: string | undefined
  #event: WireEvent | undefined
  #payload: Payload | undefined

  private constructor(
    channel: string | undefined,
    text: string,
    content: LiveMessage | ServerGapReason,
    upTo?: number,
  ) {
    const message = typeof content === 'string' ? undefined : content
    this.channel = channel
    this.position = message?.position
    this.gap = message ? undefined : (content as ServerGapReason)
    this.upTo = upTo
    this.ends = message !== undefined && endsStream(message.type)
    this.size = text.length
    this.#text = text
    this.#message = message
  }

  static of(channel: string, message: LiveMessage): Frame {
    return new Frame(channel, encodeFrame(message, message.position), message)
  }

  static gap(channel: string | undefined, reason: ServerGapReason, upTo?: number): Frame {
    return new Frame(channel, encodeControlEvent({ type: 'rivulet:gap', channel, reason }), reason, upTo)
  }

  /** The block of the event stream. */
  get text(): string {
    return this.#text ?? encodeFrame(this.#message!, this.position)
  }

  /** The bytes, shared by all connections that get this frame in a write of its own. */
  get payload(): Payload {
    if (!this.#payload) {
      this.#payload = this.#message ? payloadOf(this.#message, this.position, this.text) : new Payload(this.text)
      if (this.#message && this.size > largeChars) this.#text = undefined
    }
    return this.#payload
  }

  /** True while the bytes wait in some connection. */
  get isHeld(): boolean {
    return this.#payload !== undefined && this.#payload.holders > 0
  }

  /** Tells if this is the frame of an event. */
  isOf(channel: string, { position, type, data }: StoredMessage): boolean {
    const message = this.#message
    return this.channel === channel && this.position === position && message?.type === type && message.data === data
  }

  /** The event, decoded on first use. `undefined` for the notice of a gap, which every connection gets. */
  get event(): WireEvent | undefined {
    if (this.#message && !this.#event) {
      const { type, data } = this.#message
      const id = this.position === undefined ? undefined : formatPosition(this.position)
      this.#event = { ...JSON.parse(data), id, type }
    }
    return this.#event
  }
}

/** Encodes an event as a block of the event stream. */
export function encodeFrame({ type, data }: BackplaneMessage, position: number | undefined): string {
  const id = position === undefined ? undefined : formatPosition(position)
  return encodeMessage({ id, event: type, data })
}

/** The payload of an event's frame. @param text The frame as `encodeFrame` makes it. */
function payloadOf({ type, data }: BackplaneMessage, position: number | undefined, text: string): Payload {
  // Lines of data begin with a field name each, so the data is not a part of the text then.
  if (data.length <= partChars || typeof Buffer !== 'function' || /[\r\n]/.test(data)) return new Payload(text)
  const frame = encodeFrame({ type, data: '0' }, position)
  return new LargePayload(frame.slice(0, -'0\n\n'.length), data, '\n\n')
}

/**
 * Encodes an event's data: the payload's keys, then those of the stamp. Extends the JSON text instead of copying
 * the object: that is cheaper, and respects a payload's own `toJSON`.
 *
 * @param json The payload as JSON, an object.
 */
export function encodeData(json: string, { timestamp, source, channel = 'default' }: Stamp): string {
  const named = channel === 'default' ? '' : `,"channel":${JSON.stringify(channel)}`
  const rest = `"timestamp":${timestamp},"source":${JSON.stringify(source)}${named}}`
  return json === '{}' ? `{${rest}` : `${json.slice(0, -1)},${rest}`
}
