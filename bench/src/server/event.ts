/** Occurs once in every event and nowhere else in a stream, so that a client can count events by counting one byte. */
export const mark = '~'
export const markByte = 0x7e

export type TickPayload = { seq: number; mark: string; text: string }

/** Creates the payload of an event, `bytes` long as JSON (while `seq` has at most seven digits). */
export function payloadOf(seq: number, bytes: number): TickPayload {
  const frame = JSON.stringify({ seq: 1_000_000, mark, text: '' }).length
  return { seq, mark, text: textOf(bytes - frame) }
}

/** Creates the payload of a log event: a line of some 130 characters, in which what differs from line to line looks random. */
export function logPayloadOf(seq: number): TickPayload {
  const random = (limit: number, salt: number) => (Math.imul(seq + salt, 2_654_435_761) % limit) >>> 0
  const address = `10.${random(4, 1)}.${random(256, 2)}.${random(256, 3)}`
  const resource = ['orders', 'customers', 'invoices', 'products'][random(4, 4)]
  const status = random(20, 5) === 0 ? 404 : 200
  const text = `${address} "GET /api/v2/${resource}/${random(100_000, 6)}?expand=lines HTTP/1.1" ${status} ${random(9_000, 7)} ${random(300, 8)}ms "Mozilla/5.0 (X11; Linux x86_64)"`
  return { seq, mark, text }
}

export const firstSeq = 1_000_000

let lastText = ''

function textOf(length: number): string {
  if (lastText.length !== length)
    lastText = 'The quick brown fox jumps over the lazy dog. '.repeat(length / 45 + 1).slice(0, length)
  return lastText
}
