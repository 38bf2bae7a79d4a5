import type { Refusal } from '../sinks/sink.js'

/** An answer that is no stream, for any HTTP implementation. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export function answer(status: number, type: string, body: string, headers: Refusal['headers'] = {}): PlainAnswer {
  const content: Record<string, string> = body === '' ? {} : { 'Content-Type': type }
  return { status, headers: { 'Cache-Control': 'no-store', ...content, ...headers }, body }
}

export function refuse({ status, message = '', headers }: Refusal): PlainAnswer {
  return answer(status, 'text/plain; charset=utf-8', message, headers)
}
