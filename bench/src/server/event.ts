/** Occurs once in every event and nowhere else in a stream, so that a client can count events by counting one byte. */
export const mark = '~'
export const markByte = 0x7e

export type TickPayload = { seq: number; mark: string; text: string }

/** Creates the payload of an event, `bytes` long as JSON (while `seq` has at most seven digits). */
export function payloadOf(seq: number, bytes: number): TickPayload {
  const frame = JSON.stringify({ seq: 1_000_000, mark, text: '' }).length
  return { seq, mark, text: textOf(bytes - frame) }
}

export const firstSeq = 1_000_000

let lastText = ''

function textOf(length: number): string {
  if (lastText.length !== length)
    lastText = 'The quick brown fox jumps over the lazy dog. '.repeat(length / 45 + 1).slice(0, length)
  return lastText
}
