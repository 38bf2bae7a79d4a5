import { development } from './development.js'
import { InvalidFieldError } from './errors.js'

/** The fields of one block of an event stream. A block without `data` dispatches no event. */
export interface MessageFields {
  /** The event's name, without CR, LF or NUL. If it is missing, the receiver sees `message`. */
  event?: string
  /** The event's data. Line breaks (CRLF, LF, CR) arrive as LF, the only one that the format preserves. */
  data?: string
  /** The new last event ID, without CR, LF or NUL. The empty string resets it. */
  id?: string
  /** The reconnection time in whole milliseconds, 0 or more. */
  retry?: number
  /** A comment, sent as one comment line per line. No handler sees it. */
  comment?: string
}

const lineBreak = /\r\n|\n|\r/
const unsafe = /[\r\n\0]/

/**
 * Encodes one block of an event stream, including its closing blank line.
 *
 * @throws {InvalidFieldError} when `event` or `id` contains CR, LF or NUL, or `retry` is not a whole number, 0 or more.
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream | HTML, 9.2.5}
 */
export function encodeMessage({ event, data, id, retry, comment }: MessageFields): string {
  let block = ''
  if (comment !== undefined) block += encodeLines(':', comment)
  if (retry !== undefined) block += `retry: ${checkRetry(retry)}\n`
  if (id !== undefined) block += `id: ${checkField('id', id)}\n`
  if (event !== undefined) block += `event: ${checkField('event', event)}\n`
  if (data !== undefined) block += encodeLines('data:', data)
  return `${block}\n`
}

function encodeLines(prefix: string, text: string): string {
  if (!text.includes('\n') && !text.includes('\r')) return `${prefix} ${text}\n`
  let lines = ''
  for (const line of text.split(lineBreak)) lines += `${prefix} ${line}\n`
  return lines
}

// A line break would let the rest of the value inject fields. NUL makes receivers ignore an ID.
function checkField(field: 'event' | 'id', value: string): string {
  if (unsafe.test(value)) {
    throw new InvalidFieldError(field, value, development ? 'remove its line breaks (CR, LF) and NUL characters.' : '')
  }
  return value
}

function checkRetry(retry: number): number {
  if (!Number.isSafeInteger(retry) || retry < 0) {
    throw new InvalidFieldError('retry', retry, development ? 'pass a whole number of milliseconds, 0 or more.' : '')
  }
  return retry
}
