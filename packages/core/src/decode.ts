import { EventTooLargeError } from './errors.js'

/** One event as the stream dispatched it. */
export interface SseMessage {
  /** The event's name, `'message'` where the stream names none. */
  readonly event: string
  /** The event's data, its lines joined by LF. */
  readonly data: string
  /** The last event ID at this event: its own `id`, or the last one before it; `''` where there was none. */
  readonly lastEventId: string
}

export interface DecoderOptions {
  /** Called with each event, in order. What it throws is thrown by `feed`, but only after the whole chunk was read: no event is lost. */
  onMessage: (message: SseMessage) => void
  /** Called with each valid `retry` field: the reconnection time in milliseconds (it may exceed what a timer takes). */
  onRetry?: (milliseconds: number) => void
  /** Called with each comment line, without its colon and one leading space. */
  onComment?: (comment: string) => void
  /**
   * How many bytes one event may need: its data so far plus the line being read, field name included.
   * Above it `feed` throws {@link EventTooLargeError}, and again on every further call until `reset()`.
   * @default 1_048_576
   */
  maxEventBytes?: number
  /** Where the stream continues: the last event ID of events that bring none. @default '' */
  lastEventId?: string
}

export interface Decoder {
  /**
   * Reads on. Chunks may end anywhere, inside a character or between CR and LF too.
   *
   * Bytes are decoded as UTF-8: invalid sequences become U+FFFD, one byte order mark at the very start is dropped.
   * @throws {EventTooLargeError} when one event exceeds `maxEventBytes`.
   */
  feed(chunk: Uint8Array | string): void
  /** Forgets the unfinished event and the unfinished character, for a new connection. `lastEventId` stays. */
  reset(): void
  /** The last event ID as of the last blank line: what a reconnecting client sends. A block cut short never counts. */
  readonly lastEventId: string
}

const LF = 10
const SPACE = 32
const COLON = 58

/**
 * The event stream interpretation of the HTML standard, byte-exact: any chunking of the same bytes gives the same calls.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation | HTML, 9.2.6}
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const { onMessage, onRetry, onComment, maxEventBytes = 1_048_576 } = options
  // ignoreBOM keeps the mark: a decoder that is called chunk by chunk would drop one from each of them.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

  let committedId = options.lastEventId ?? ''
  // The block being read. `data` is undefined until its first data line; empty data is an event all the same.
  let id = committedId
  let event = ''
  let data: string | undefined
  // The line being read: a start without an end. In pieces, as searching one ever-growing string again is quadratic.
  let pending: string[] = []
  // How many bytes the two need at most. Counting exactly costs as much as decoding, so it waits until it matters: see checkSize.
  let dataBytes = 0
  let pendingBytes = 0
  /** The first bytes of a character whose last ones have not come yet. */
  let partial: Uint8Array | undefined
  /** The last chunk ended with CR: an LF that follows belongs to it. */
  let afterCr = false
  let atStart = true
  let failure: EventTooLargeError | undefined
  /** Whether the text last decoded was ASCII. It chooses the faster way to decode and to count, never the result. */
  let ascii = true
  /** Counts resets, so that a reset inside a callback ends the chunk that is being read. */
  let generation = 0
  let thrown: { error: unknown } | undefined

  function feed(chunk: Uint8Array | string): void {
    if (failure) throw failure
    if (typeof chunk === 'string') {
      if (partial) parse(utf8.decode(take()))
      if (chunk === '') return
      atStart = false
      ascii = false
      parse(chunk)
    } else {
      const text = decodeBytes(chunk)
      if (text !== '') parse(text)
    }
    if (thrown) {
      const { error } = thrown
      thrown = undefined
      throw error
    }
  }

  function decodeBytes(chunk: Uint8Array): string {
    let bytes = chunk
    if (partial) {
      const start = take()
      bytes = new Uint8Array(start.length + chunk.length)
      bytes.set(start)
      bytes.set(chunk, start.length)
    }
    const end = endOfWholeCharacters(bytes)
    if (end < bytes.length) {
      partial = bytes.slice(end)
      bytes = bytes.subarray(0, end)
    }
    // Cut between characters, both calls give the same text. The first is many times faster on ASCII (over ten times on
    // Node 20), the second on everything else.
    let text = ascii ? utf8.decode(bytes) : utf8.decode(bytes, { stream: true })
    ascii = text.length === bytes.length
    if (atStart && text !== '') {
      atStart = false
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    }
    return text
  }

  function take(): Uint8Array {
    const bytes = partial as Uint8Array
    partial = undefined
    return bytes
  }

  function parse(text: string): void {
    const started = generation
    let start = 0
    if (afterCr) {
      afterCr = false
      if (text.charCodeAt(0) === LF) start = 1
    }
    let lf = text.indexOf('\n', start)
    let cr = text.indexOf('\r', start)
    while (lf !== -1 || cr !== -1) {
      let end = lf
      let next = lf + 1
      if (cr !== -1 && (lf === -1 || cr < lf)) {
        end = cr
        next = cr + 1
        if (next === text.length) afterCr = true
        else if (next === lf) next++
        cr = text.indexOf('\r', next)
      }
      if (pending.length > 0) {
        keep(text.slice(start, end))
        const line = pending.join('')
        const lineBytes = pendingBytes
        pending = []
        pendingBytes = 0
        readLine(line, 0, line.length, lineBytes)
      } else {
        readLine(text, start, end, atMost(end - start))
      }
      if (generation !== started) return
      start = next
      if (lf !== -1 && lf < start) lf = text.indexOf('\n', start)
    }
    if (start < text.length) keep(start === 0 ? text : text.slice(start))
  }

  /** Keeps a piece of a line that is not complete. */
  function keep(piece: string): void {
    pending.push(piece)
    pendingBytes += atMost(piece.length)
    if (dataBytes + pendingBytes > maxEventBytes) pendingBytes = checkSize(pending.join(''))
  }

  /** Reads the complete line `text.slice(start, end)`, which is of `lineBytes` bytes at most. */
  function readLine(text: string, start: number, end: number, lineBytes: number): void {
    if (start === end) return dispatch()
    if (dataBytes + lineBytes > maxEventBytes) checkSize(text.slice(start, end))
    switch (text.charCodeAt(start)) {
      case 100: // d
        if (text.startsWith('data', start)) {
          const from = valueStart(text, start + 4, end)
          if (from >= 0) {
            const value = text.slice(from, end)
            data = data === undefined ? value : `${data}\n${value}`
            dataBytes += lineBytes
          }
        }
        return
      case 101: // e
        if (text.startsWith('event', start)) {
          const from = valueStart(text, start + 5, end)
          if (from >= 0) event = text.slice(from, end)
        }
        return
      case 105: // i
        if (text.startsWith('id', start)) {
          const from = valueStart(text, start + 2, end)
          if (from >= 0) {
            const value = text.slice(from, end)
            if (!value.includes('\0')) id = value
          }
        }
        return
      case 114: // r
        if (onRetry && text.startsWith('retry', start)) {
          const from = valueStart(text, start + 5, end)
          const value = from >= 0 ? text.slice(from, end) : ''
          if (/^[0-9]+$/.test(value)) call(onRetry, Number(value))
        }
        return
      case COLON:
        if (onComment)
          call(
            onComment,
            text.slice(text.charCodeAt(start + 1) === SPACE && start + 1 < end ? start + 2 : start + 1, end),
          )
    }
  }

  function dispatch(): void {
    committedId = id
    if (data === undefined) {
      event = ''
      return
    }
    const message = { event: event || 'message', data, lastEventId: id }
    event = ''
    data = undefined
    dataBytes = 0
    call(onMessage, message)
  }

  function call<T>(callback: (argument: T) => void, argument: T): void {
    try {
      callback(argument)
    } catch (error) {
      thrown ??= { error }
    }
  }

  function atMost(units: number): number {
    return ascii ? units : 3 * units
  }

  /** Counts exactly what the event needs with this line, and returns the line's share. What is over the bound fails. */
  function checkSize(line: string): number {
    dataBytes = data === undefined ? 0 : utf8Length(data) + 1
    const lineBytes = utf8Length(line)
    if (dataBytes + lineBytes > maxEventBytes) {
      reset()
      failure = new EventTooLargeError(maxEventBytes)
      throw failure
    }
    return lineBytes
  }

  function reset(): void {
    id = committedId
    event = ''
    data = undefined
    dataBytes = 0
    pending = []
    pendingBytes = 0
    partial = undefined
    afterCr = false
    atStart = true
    failure = undefined
    generation++
  }

  return {
    feed,
    reset,
    get lastEventId() {
      return committedId
    },
  }
}

/** Where the value of a field begins whose name ends at `nameEnd`, or -1 if the name goes on there. */
function valueStart(text: string, nameEnd: number, end: number): number {
  if (nameEnd >= end) return nameEnd === end ? end : -1
  if (text.charCodeAt(nameEnd) !== COLON) return -1
  return nameEnd + 1 < end && text.charCodeAt(nameEnd + 1) === SPACE ? nameEnd + 2 : nameEnd + 1
}

/**
 * Where the last character begins if its last bytes are missing, else the length. Everything before that place decodes
 * to the same text whatever follows: a lead byte always starts a new character, also after a broken one.
 */
function endOfWholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes
  for (let size = 1; size <= 3 && size <= length; size++) {
    const byte = bytes[length - size] as number
    if (byte < 0x80) return length
    if (byte >= 0xc0) {
      const needed = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
      return size < needed ? length - size : length
    }
  }
  return length
}

function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // One more for each half of a surrogate pair (4 bytes in all), two more for the rest above U+07FF.
    if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}
