import { EventTooLargeError } from './errors.js'

/** One event of a stream, as the decoder dispatches it. */
export interface SseMessage {
  /** The event's name; `'message'` if the stream gives none. */
  readonly event: string
  /** The event's data, with its lines joined by LF. */
  readonly data: string
  /** The event's own `id`, or else the last one before it; `''` if there was none. */
  readonly lastEventId: string
}

export interface DecoderOptions {
  /**
   * Takes each event, in order. `id` is the event's own `id` field, or `undefined`. If this function throws, `feed` reads the
   * rest of the chunk before it throws the same error, so no event is lost.
   */
  onMessage: (message: SseMessage, id: string | undefined) => void
  /** Takes each valid `retry` field: the reconnection time in milliseconds. It may exceed the longest delay of a timer. */
  onRetry?: (milliseconds: number) => void
  /** Takes each comment line, without its colon and one leading space. */
  onComment?: (comment: string) => void
  /**
   * The largest event, in bytes: its data so far plus the current line, including the field name. A larger event goes to
   * `onTooLarge`. Without `onTooLarge`, `feed` throws {@link EventTooLargeError} on this and every further call until `reset()`.
   * @default 1_048_576
   */
  maxEventBytes?: number
  /**
   * Takes an error at the end of each event larger than `maxEventBytes`. The decoder drops the event's bytes as they arrive
   * and continues with the next event. It also drops comments and unknown fields of that size, but keeps their event.
   */
  onTooLarge?: (error: EventTooLargeError) => void
  /** The last event ID before the first event. @default '' */
  lastEventId?: string
}

export interface Decoder {
  /**
   * Reads the next chunk. Chunks may end anywhere, even inside a character or between CR and LF.
   *
   * Decodes bytes as UTF-8: invalid sequences become U+FFFD, and one byte order mark at the very start is dropped.
   * @throws {EventTooLargeError} when one event exceeds `maxEventBytes` and there is no `onTooLarge`.
   */
  feed(chunk: Uint8Array | string): void
  /** Discards the unfinished event and character, for a new connection. Keeps `lastEventId`. */
  reset(): void
  /** The last event ID as of the last blank line, for a reconnection. An unfinished block does not change it. */
  readonly lastEventId: string
}

const LF = 10
const SPACE = 32

// The first letter of a name identifies a field, the colon a comment.
const DATA = 100
const EVENT = 101
const ID = 105
const RETRY = 114
const COLON = 58
/** Stands for an unknown field. */
const OTHER = -1
/** This many characters are enough to find the start of any field's value. */
const longestLead = 'event: '.length

/** Chunks of fewer bytes count as short: the call itself costs more than the decoding. */
const shortBytes = 1_024
const streaming = { stream: true }

/**
 * Creates a decoder that interprets event streams exactly as the HTML standard does. The chunking of the bytes never changes
 * the result.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation | HTML, 9.2.6}
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const { onMessage, onRetry, onComment, onTooLarge, maxEventBytes = 1_048_576 } = options

  // Created for the first bytes: text needs no TextDecoder, and some runtimes have none.
  let utf8: TextDecoder | undefined
  let atStart = true
  /** The TextDecoder holds no part of a character. */
  let flushed = true
  /** The last chunk was pure ASCII. */
  let ascii = true

  // The current block. `data` is undefined until its first data line: empty data still makes an event.
  let committedId = options.lastEventId ?? ''
  let id = committedId
  /** The `id` field of the current block. */
  let ownId: string | undefined
  let event = ''
  let data: string | undefined
  /** The block exceeds the bound, so its rest is dropped. */
  let tooLarge = false
  // The unfinished line. `beginning` holds it while it is too short to identify the field; afterwards `field` is not 0, and
  // `value` holds the value so far.
  let beginning = ''
  let field = 0
  let value = ''
  /** The start of the value that `fieldAt` found last. */
  let valueFrom = 0
  /** The last chunk ended with CR, so an LF at the start of the next one belongs to it. */
  let afterCr = false
  // Upper bounds for the data and the line, in bytes. An exact count costs as much as decoding, so it waits for the limit.
  let dataBytes = 0
  let lineBytes = 0
  /** The bytes of the unfinished line before its value: the field name, the colon and the space. */
  let leadBytes = 0

  let failure: EventTooLargeError | undefined
  let thrown: { error: unknown } | undefined
  /** Counts resets, so that a reset inside a callback ends the current chunk. */
  let generation = 0

  function feed(chunk: Uint8Array | string): void {
    if (failure) throw failure
    if (typeof chunk === 'string') {
      if (!flushed) parse(flush(), 3)
      if (chunk) atStart = false
      parse(chunk, 3)
    } else {
      const text = decode(chunk)
      parse(text, ascii ? 1 : 3)
    }
    if (thrown) {
      const { error } = thrown
      thrown = undefined
      throw error
    }
  }

  function decode(bytes: Uint8Array): string {
    const between = flushed
    if (bytes.length > 0) flushed = (bytes[bytes.length - 1] as number) < 0x80
    // For whole characters, both calls return the same text. The first is faster for ASCII (several times, on Node 20) and
    // for short chunks; the second is faster for everything else.
    const whole = between && flushed && (ascii || bytes.length < shortBytes)
    // ignoreBOM keeps byte order marks: otherwise a TextDecoder drops one from every chunk.
    utf8 ??= new TextDecoder('utf-8', { ignoreBOM: true })
    let text = whole ? utf8.decode(bytes) : utf8.decode(bytes, streaming)
    ascii = between && text.length === bytes.length
    if (atStart && text) {
      atStart = false
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    }
    return text
  }

  function flush(): string {
    flushed = true
    return utf8!.decode()
  }

  /** @param unitBytes The most bytes that a UTF-16 unit of the text may stand for. */
  function parse(chunk: string, unitBytes: number): void {
    if (!chunk) return
    let text = chunk
    let start = 0
    if (afterCr) {
      afterCr = false
      if (text.charCodeAt(0) === LF) start = 1
    }
    if (beginning) {
      // Joins an array instead of concatenating: V8 would build a rope, which is slower to search.
      text = [beginning, text].join('')
      beginning = ''
      unitBytes = 3
    }
    const { length } = text
    let lf = text.indexOf('\n', start)
    let cr = text.indexOf('\r', start)
    const started = generation
    while (lf !== -1 || cr !== -1) {
      let end = lf
      let next = lf + 1
      if (cr !== -1 && (lf === -1 || cr < lf)) {
        end = cr
        next = cr + 1
        if (next === length) afterCr = true
        else if (next === lf) next++
      }
      if (field !== 0) {
        keep(text, start, end, unitBytes)
        take(field, value, lineBytes)
        field = lineBytes = 0
        value = ''
      } else if (start === end) {
        dispatch()
      } else if (
        cr === -1 &&
        data === undefined &&
        text.charCodeAt(next) === LF &&
        text.charCodeAt(start + 4) === COLON &&
        isData(text, start) &&
        unitBytes * (end - start) <= maxEventBytes
      ) {
        // An event with one data line and its blank line, the most common case by far, needs no second search.
        data = text.slice(text.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5, end)
        next++
        dispatch()
      } else {
        const bytes = unitBytes * (end - start)
        let read = fieldAt(text, start, end)
        if (dataBytes + bytes > maxEventBytes && sizeOf(text.slice(start, end), 0) === Infinity) read = drop(read)
        if (read !== OTHER) take(read, text.slice(valueFrom, end), bytes)
      }
      if (generation !== started) return
      start = next
      if (lf !== -1 && lf < start) lf = text.indexOf('\n', start)
      if (cr !== -1 && cr < start) cr = text.indexOf('\r', start)
    }
    if (start < length) keep(text, start, length, unitBytes)
  }

  /** Stores `text.slice(start, end)`, the beginning or the next part of the unfinished line. */
  function keep(text: string, start: number, end: number, unitBytes: number): void {
    if (field === OTHER && onTooLarge) return
    if (field !== 0) {
      value += text.slice(start, end)
    } else if (end - start < longestLead) {
      beginning = text.slice(start)
      return
    } else {
      field = fieldAt(text, start, end)
      value = text.slice(valueFrom)
      leadBytes = valueFrom - start
    }
    lineBytes += unitBytes * (end - start)
    if (dataBytes + lineBytes <= maxEventBytes) return
    lineBytes = sizeOf(value, leadBytes)
    if (lineBytes === Infinity) {
      field = drop(field)
      value = ''
      lineBytes = leadBytes = 0
    }
  }

  /** Returns the field of the line `text.slice(start, end)`, which is not empty, and sets `valueFrom`. */
  function fieldAt(text: string, start: number, end: number): number {
    const first = text.charCodeAt(start)
    // The length of the field's name.
    const length = isData(text, start)
      ? 4
      : first === COLON
        ? 0
        : first === ID && text.charCodeAt(start + 1) === 100
          ? 2
          : isEvent(text, start) || text.startsWith('retry', start)
            ? 5
            : Infinity
    const nameEnd = start + length
    valueFrom = start
    if (nameEnd > end || (nameEnd < end && text.charCodeAt(nameEnd) !== COLON)) return OTHER
    valueFrom = nameEnd === end ? end : nameEnd + 1
    if (valueFrom < end && text.charCodeAt(valueFrom) === SPACE) valueFrom++
    return first
  }

  /** Processes the field of one line. The line has at most `bytes` bytes. */
  function take(field: number, value: string, bytes: number): void {
    if (field === DATA) {
      data = tooLarge ? '' : data === undefined ? value : `${data}\n${value}`
      dataBytes += tooLarge ? 0 : bytes
    } else if (field === EVENT) {
      event = value
    } else if (field === ID) {
      if (!value.includes('\0')) id = ownId = value
    } else if (field === RETRY) {
      if (onRetry && /^[0-9]+$/.test(value)) call(onRetry, Number(value))
    } else if (field === COLON) {
      if (onComment) call(onComment, value)
    }
  }

  function dispatch(): void {
    committedId = id
    const own = ownId
    ownId = undefined
    if (tooLarge) {
      const isEvent = data !== undefined
      data = undefined
      dataBytes = 0
      event = ''
      tooLarge = false
      if (isEvent && onTooLarge) call(onTooLarge, new EventTooLargeError(maxEventBytes, own))
    } else if (data !== undefined) {
      const message = { event: event || 'message', data, lastEventId: id }
      data = undefined
      dataBytes = 0
      event = ''
      try {
        onMessage(message, own)
      } catch (error) {
        thrown ??= { error }
      }
    } else event = ''
  }

  function call<T>(callback: (argument: T) => void, argument: T): void {
    try {
      callback(argument)
    } catch (error) {
      thrown ??= { error }
    }
  }

  /**
   * Counts the exact bytes of the event with this line. The line has `lead` bytes before `rest`.
   *
   * @returns The bytes of the line; `Infinity` if the event is too large.
   */
  function sizeOf(rest: string, lead: number): number {
    dataBytes = data === undefined ? 0 : utf8Length(data) + 1
    const bytes = lead + utf8Length(rest)
    return dataBytes + bytes > maxEventBytes ? Infinity : bytes
  }

  /** Drops a line that is too large, and its event if the line is part of one. The rest of the line reads as an unknown field. */
  function drop(field: number): number {
    if (!onTooLarge) {
      const own = ownId
      reset()
      failure = new EventTooLargeError(maxEventBytes, own)
      throw failure
    }
    if (field === DATA || field === EVENT || field === ID) {
      tooLarge = true
      if (field === DATA || data !== undefined) data = ''
      dataBytes = 0
    }
    return OTHER
  }

  function reset(): void {
    if (!flushed) flush()
    atStart = ascii = true
    id = committedId
    event = beginning = value = ''
    data = ownId = undefined
    tooLarge = false
    field = dataBytes = lineBytes = 0
    afterCr = false
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

function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Adds one for each half of a surrogate pair (4 bytes in all) and up to U+07FF, two for everything else.
    if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

// Compares character codes: startsWith costs several times as much, and a loop over the name costs more, too.
function isData(text: string, start: number): boolean {
  return (
    text.charCodeAt(start) === DATA &&
    text.charCodeAt(start + 1) === 97 &&
    text.charCodeAt(start + 2) === 116 &&
    text.charCodeAt(start + 3) === 97
  )
}

function isEvent(text: string, start: number): boolean {
  return (
    text.charCodeAt(start) === EVENT &&
    text.charCodeAt(start + 1) === 118 &&
    text.charCodeAt(start + 2) === 101 &&
    text.charCodeAt(start + 3) === 110 &&
    text.charCodeAt(start + 4) === 116
  )
}
