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
  /**
   * Called with each event, in order, and with its own `id` field: `undefined` where it has none. What it throws is thrown by
   * `feed`, but only after the whole chunk was read: no event is lost.
   */
  onMessage: (message: SseMessage, id: string | undefined) => void
  /** Called with each valid `retry` field: the reconnection time in milliseconds (it may exceed what a timer takes). */
  onRetry?: (milliseconds: number) => void
  /** Called with each comment line, without its colon and one leading space. */
  onComment?: (comment: string) => void
  /**
   * How many bytes one event may need: its data so far plus the line being read, field name included. Above it `onTooLarge`
   * is called; without that `feed` throws {@link EventTooLargeError}, and again on every further call until `reset()`.
   * @default 1_048_576
   */
  maxEventBytes?: number
  /**
   * Called at the end of each event that is larger than `maxEventBytes`. Its bytes are dropped as they come, and the decoder
   * goes on with the next event. Comments and unknown fields of that size are dropped too, but their event is not.
   */
  onTooLarge?: (error: EventTooLargeError) => void
  /** Where the stream continues: the last event ID of events that bring none. @default '' */
  lastEventId?: string
}

export interface Decoder {
  /**
   * Reads on. Chunks may end anywhere, inside a character or between CR and LF too.
   *
   * Bytes are decoded as UTF-8: invalid sequences become U+FFFD, one byte order mark at the very start is dropped.
   * @throws {EventTooLargeError} when one event exceeds `maxEventBytes` and there is no `onTooLarge`.
   */
  feed(chunk: Uint8Array | string): void
  /** Forgets the unfinished event and the unfinished character, for a new connection. `lastEventId` stays. */
  reset(): void
  /** The last event ID as of the last blank line: what a reconnecting client sends. A block cut short never counts. */
  readonly lastEventId: string
}

const LF = 10
const SPACE = 32

// A field is told by the first letter of its name, a comment by its colon.
const DATA = 100
const EVENT = 101
const ID = 105
const RETRY = 114
const COLON = 58
/** A field that there is not. */
const OTHER = -1
/** So many characters tell where the value of any field begins. */
const longestLead = 'event: '.length

/** Chunks of fewer bytes are short: what a call costs matters more for them than what it does. */
const shortBytes = 1_024
const streaming = { stream: true }

/**
 * The event stream interpretation of the HTML standard, byte-exact: any chunking of the same bytes gives the same calls.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation | HTML, 9.2.6}
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const { onMessage, onRetry, onComment, onTooLarge, maxEventBytes = 1_048_576 } = options

  // Made for the first bytes: text needs none, and not every runtime has one.
  let utf8: TextDecoder | undefined
  let atStart = true
  /** The TextDecoder holds no beginning of a character. */
  let flushed = true
  /** The last chunk held ASCII alone. */
  let ascii = true

  // The block being read. `data` is undefined until its first data line: empty data is an event all the same.
  let committedId = options.lastEventId ?? ''
  let id = committedId
  /** The block's own `id` field. */
  let ownId: string | undefined
  let event = ''
  let data: string | undefined
  /** The block is over the bound: what is left of it is dropped. */
  let tooLarge = false
  // The line being read, of which the end has not come yet: too little of it to tell the field, or (`field` is not 0)
  // its field and the value so far.
  let beginning = ''
  let field = 0
  let value = ''
  /** Where the value of the field begins that `fieldAt` has read last. */
  let valueFrom = 0
  /** The last chunk ended with CR: an LF that follows belongs to it. */
  let afterCr = false
  // What both need in bytes, at most. Counting exactly costs as much as decoding, so it waits until it matters.
  let dataBytes = 0
  let lineBytes = 0
  /** The name of the unfinished line's field and what stands between it and the value, in bytes. */
  let leadBytes = 0

  let failure: EventTooLargeError | undefined
  let thrown: { error: unknown } | undefined
  /** Counts resets, so that a reset inside a callback ends the chunk that is being read. */
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
    // From one end of a character to another both calls give the same text. The first is the faster one on ASCII (several
    // times, with Node 20) and on short chunks, the second on everything else.
    const whole = between && flushed && (ascii || bytes.length < shortBytes)
    // ignoreBOM keeps the byte order mark, as a TextDecoder would drop one from every chunk.
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

  /** @param unitBytes How many bytes a UTF-16 unit of the text stands for at most. */
  function parse(chunk: string, unitBytes: number): void {
    if (!chunk) return
    let text = chunk
    let start = 0
    if (afterCr) {
      afterCr = false
      if (text.charCodeAt(0) === LF) start = 1
    }
    if (beginning) {
      // Not by adding: engines keep a sum as a rope, and are slower where a text may be of one kind or another.
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
        // The line of data of an event that has one, and its blank line: nearly all that most streams send, without a
        // second search.
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

  /** Keeps `text.slice(start, end)`, the beginning of a line or more of it. */
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

  /** Reads which field the line `text.slice(start, end)` is of, and where its value begins. It is not empty. */
  function fieldAt(text: string, start: number, end: number): number {
    const first = text.charCodeAt(start)
    // How long its name is.
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

  /** Takes one line's field, which needs so many bytes at most. */
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
   * Counts exactly what the event needs with this line, of which `lead` bytes stand before `rest`.
   *
   * @returns The line's share; `Infinity` when that is too much.
   */
  function sizeOf(rest: string, lead: number): number {
    dataBytes = data === undefined ? 0 : utf8Length(data) + 1
    const bytes = lead + utf8Length(rest)
    return dataBytes + bytes > maxEventBytes ? Infinity : bytes
  }

  /** Gives up a line that is too large, and the event where the line is part of it. The rest is read as an unknown field. */
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
    // One more for each half of a surrogate pair (4 bytes in all), two more for the rest above U+07FF.
    if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

// Compared by code: startsWith costs several times as much, and a loop over a name more than this.
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
