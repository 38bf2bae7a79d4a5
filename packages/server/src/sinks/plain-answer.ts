import type { Refusal } from './sink.js'

/** An answer that is no stream, for any HTTP implementation. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const own = { 'cache-control': 'no-store' }

/** Statuses whose answers have no body: a web-standard `Response` throws otherwise. */
const bodiless: readonly number[] = [204, 304]

/** @param headers More headers, with names in lower case. */
export function answer(status: number, type: string, body: string, headers: Refusal['headers'] = {}): PlainAnswer {
  if (body === '' || bodiless.includes(status)) return { status, headers: { ...own, ...headers }, body: '' }
  return { status, headers: { ...own, 'content-type': type, ...headers }, body }
}

/** The answer for a client that has left. */
export const nobody: PlainAnswer = answer(499, '', '')

export function refuse({ status, message = '', headers }: Refusal): PlainAnswer {
  return answer(status, 'text/plain; charset=utf-8', message, headers)
}
