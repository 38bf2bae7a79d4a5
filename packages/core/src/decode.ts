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

  // From bytes to text. ignoreBOM keeps the byte order mark, as a TextDecoder would drop one from every flushed chunk.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  let atStart = true
  /** The TextDecoder holds no beginning of a character. */
  let flushed = true
  /** How many bytes a UTF-16 unit of the text being read stands for at most: 1 where all of it is ASCII, else 3. */
  let unitBytes = 1

  // The block being read. `data` is undefined until its first data line: empty data is an event all the same.
  let committedId = options.lastEventId ?? ''
  let id = committedId
  let event = ''
  let data: string | undefined
  // The line being read: its beginning, without an end.
  let pending = ''
  /** The last chunk ended with CR: an LF that follows belongs to it. */
  let afterCr = false
  // What both need in bytes, at most. Counting exactly costs as much as decoding, so it waits until it matters.
  let dataBytes = 0
  let pendingBytes = 0

  let failure: EventTooLargeError | undefined
  let thrown: { error: unknown } | undefined
  /** Counts resets, so that a reset inside a callback ends the chunk that is being read. */
  let generation = 0

  function feed(chunk: Uint8Array | string): void {
    if (failure) throw failure
    if (typeof chunk === 'string') {
      if (!flushed) parse(flush())
      if (chunk) atStart = false
      unitBytes = 3
      parse(chunk)
    } else {
      parse(decode(chunk))
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
    // times on Node 20), the second on everything else.
    let text = between && flushed && unitBytes === 1 ? utf8.decode(bytes) : utf8.decode(bytes, { stream: true })
    unitBytes = between && text.length === bytes.length ? 1 : 3
    if (atStart && text) {
      atStart = false
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    }
    return text
  }

  function flush(): string {
    flushed = true
    return utf8.decode()
  }

  function parse(chunk: string): void {
    if (!chunk) return
    let text = chunk
    let start = 0
    if (afterCr) {
      afterCr = false
      if (text.charCodeAt(0) === LF) start = 1
    }
    let from = start
    if (pending && pending.length < 512 && text.length < 512) {
      // Short pieces: one copy of both costs less than a copy of the line.
      from = pending.length
      text = pending + (start ? text.slice(1) : text)
      start = 0
      if (pendingBytes > pending.length) unitBytes = 3
      pending = ''
      pendingBytes = 0
    }
    // Only what is new is searched for line ends, so a line in many chunks costs linear time.
    let lf = text.indexOf('\n', from)
    let cr = text.indexOf('\r', from)
    const started = generation
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
      if (pending) {
        keep(text.slice(start, end))
        const line = pending
        const lineBytes = pendingBytes
        pending = ''
        pendingBytes = 0
        readLine(line, 0, line.length, lineBytes)
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
        // The line of data of an event that has one, and its blank line: nearly all that most streams send. It needs no
        // second search and nothing is stored in between.
        const from = text.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5
        committedId = id
        const message = { event: event || 'message', data: text.slice(from, end), lastEventId: id }
        event = ''
        next++
        try {
          onMessage(message)
        } catch (error) {
          thrown ??= { error }
        }
      } else {
        readLine(text, start, end, unitBytes * (end - start))
      }
      if (generation !== started) return
      start = next
      if (lf !== -1 && lf < start) lf = text.indexOf('\n', start)
    }
    if (start < text.length) keep(start === 0 ? text : text.slice(start))
  }

  /** Keeps the beginning of a line, or more of it. */
  function keep(piece: string): void {
    pending += piece
    pendingBytes += unitBytes * piece.length
    if (dataBytes + pendingBytes > maxEventBytes) pendingBytes = checkSize(pending)
  }

  /** Reads the line `text.slice(start, end)`, complete and not empty, of `lineBytes` bytes at most. */
  function readLine(text: string, start: number, end: number, lineBytes: number): void {
    if (dataBytes + lineBytes > maxEventBytes) checkSize(text.slice(start, end))
    switch (text.charCodeAt(start)) {
      case 100: // d
        if (isData(text, start)) {
          const from = valueStart(text, start + 4, end)
          if (from < 0) return
          const value = text.slice(from, end)
          data = data === undefined ? value : `${data}\n${value}`
          dataBytes += lineBytes
        }
        return
      case 101: // e
        if (isEvent(text, start)) {
          const from = valueStart(text, start + 5, end)
          if (from >= 0) event = text.slice(from, end)
        }
        return
      case 105: // i
        if (text.charCodeAt(start + 1) === 100) {
          const from = valueStart(text, start + 2, end)
          if (from < 0) return
          const value = text.slice(from, end)
          if (!value.includes('\0')) id = value
        }
        return
      case 114: // r
        if (onRetry && text.startsWith('retry', start)) {
          const from = valueStart(text, start + 5, end)
          const value = from < 0 ? '' : text.slice(from, end)
          if (/^[0-9]+$/.test(value)) call(onRetry, Number(value))
        }
        return
      case COLON:
        if (onComment) call(onComment, text.slice(valueStart(text, start, end), end))
    }
  }

  function dispatch(): void {
    committedId = id
    if (data !== undefined) {
      const message = { event: event || 'message', data, lastEventId: id }
      data = undefined
      dataBytes = 0
      event = ''
      try {
        onMessage(message)
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

  /** Counts exactly what the event needs with this line, and returns the line's share; over the bound it fails. */
  function checkSize(line: string): number {
    dataBytes = data === undefined ? 0 : utf8Length(data) + 1
    const lineBytes = utf8Length(line)
    if (dataBytes + lineBytes > maxEventBytes) {
      const own = id === committedId ? undefined : id
      reset()
      failure = new EventTooLargeError(maxEventBytes, own)
      throw failure
    }
    return lineBytes
  }

  function reset(): void {
    if (!flushed) flush()
    atStart = true
    unitBytes = 1
    id = committedId
    event = pending = ''
    data = undefined
    dataBytes = pendingBytes = 0
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

/** Where the value of a field begins whose name ends at `nameEnd`, or -1 if the name goes on there. */
function valueStart(text: string, nameEnd: number, end: number): number {
  if (nameEnd === end) return end
  if (nameEnd > end || text.charCodeAt(nameEnd) !== COLON) return -1
  return nameEnd + 1 < end && text.charCodeAt(nameEnd + 1) === SPACE ? nameEnd + 2 : nameEnd + 1
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
    text.charCodeAt(start) === 100 &&
    text.charCodeAt(start + 1) === 97 &&
    text.charCodeAt(start + 2) === 116 &&
    text.charCodeAt(start + 3) === 97
  )
}

function isEvent(text: string, start: number): boolean {
  return (
    text.charCodeAt(start + 1) === 118 &&
    text.charCodeAt(start + 2) === 101 &&
    text.charCodeAt(start + 3) === 110 &&
    text.charCodeAt(start + 4) === 116
  )
}
