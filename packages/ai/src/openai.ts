import { type Clock, ConfigurationError, createDecoder, EventTooLargeError, systemClock } from '@rivulet/core'
import { RunFailure } from '@rivulet/server'
import { Attempt } from './attempt.js'
import { type CompletionOutput, CompletionReader, detailLength, failure } from './completion-reader.js'

export type { CompletionOutput } from './completion-reader.js'
export { CompletionError } from './errors.js'

export interface CompletionOptions {
  /** The endpoint, without `/chat/completions`; it may have a query. @default 'https://api.openai.com/v1' */
  baseUrl?: string
  /** Sent as `Authorization: Bearer …`. @default Nothing is sent */
  apiKey?: string | undefined
  /** Additional headers of the request. */
  headers?: Readonly<Record<string, string>>
  /**
   * The request: `model`, `messages`, and whatever the endpoint takes. `stream` is always true, and the usage is requested.
   */
  body: Readonly<Record<string, unknown>> & { readonly model: string; readonly messages: readonly unknown[] }
  /** Aborts the request. Pass the producer's `signal`, so that stopping the run stops the model. */
  signal: AbortSignal
  /**
   * Time for which the endpoint may send nothing, in milliseconds, more than 0. `Infinity` waits for ever. Comments count as a
   * sign of life.
   * @default 240_000 (four minutes: the `fetch` of Node.js gives up after five)
   */
  stallMs?: number
  /** Replaces `fetch`. @default The global one */
  fetch?: typeof fetch
  /** @default The system's */
  clock?: Clock
}

/**
 * Asks an OpenAI-compatible endpoint for a completion and yields the events of its first choice as they arrive: a producer for
 * a run. Reads the endpoint no faster than the run stores.
 *
 * The answer is complete at `[DONE]`, or when the endpoint ends it after a finish reason. The usage comes last.
 *
 * @throws {ConfigurationError} if `baseUrl` is no absolute URL, or `stallMs` is out of range.
 * @throws {RunFailure} with a reason for readers and a {@link CompletionError} as its cause: the endpoint cannot be reached or
 *   refuses (`model unavailable`, `model refused`), reports an error or sends something other than a completion
 *   (`model failed`), stands still (`model stalled`), or its answer ends before it is complete (`model cut off`).
 *
 * @example
 * await runs.start(id, { key: user.id }, ({ signal }) => relayCompletion({ apiKey, body: { model, messages }, signal }))
 */
export async function* relayCompletion(options: CompletionOptions): AsyncGenerator<CompletionOutput, void> {
  const { signal, stallMs = 240_000, clock = systemClock } = options
  if (!(stallMs > 0)) throw new ConfigurationError('stallMs', stallMs, 'Pass a number of milliseconds, more than 0.')
  const url = addressOf(options.baseUrl ?? 'https://api.openai.com/v1')
  const attempt = new Attempt(signal, stallMs, clock)
  try {
    const body = await request(url, options, attempt)
    const completion = new CompletionReader()
    const outputs: CompletionOutput[] = []
    let failed: { readonly error: unknown } | undefined
    const decoder = createDecoder({
      onMessage({ event, data }) {
        if (completion.isDone || failed) return
        try {
          outputs.push(...completion.read(event, data))
        } catch (error) {
          failed = { error }
        }
      },
    })
    const reader = body.getReader()
    while (!completion.isDone) {
      const { done, value } = await attempt.wait(reader.read())
      if (done) break
      decoder.feed(value)
      yield* outputs.splice(0)
      if (failed) throw failed.error
    }
    if (!completion.isComplete)
      throw failure('model cut off', 'The answer of the model ended before [DONE]. Start a new run.')
    yield* completion.end()
  } catch (error) {
    signal.throwIfAborted()
    throw describe(error, attempt, stallMs)
  } finally {
    attempt.end()
  }
}

function describe(error: unknown, { isStalled }: Attempt, stallMs: number): unknown {
  if (error instanceof RunFailure) return error
  if (isStalled)
    return failure('model stalled', `The model sent nothing for ${stallMs} ms. Start a new run, or raise stallMs.`, {
      cause: error,
    })
  if (error instanceof EventTooLargeError)
    return failure('model failed', 'The model sent an event that is too large. Check baseUrl.', { cause: error })
  return failure('model cut off', 'The connection to the model broke before [DONE]. Start a new run.', { cause: error })
}

function addressOf(baseUrl: string): URL {
  try {
    const url = new URL(baseUrl)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/chat/completions`
    return url
  } catch {
    throw new ConfigurationError('baseUrl', baseUrl, 'Pass an absolute URL, such as https://api.openai.com/v1.')
  }
}

/** The body of the answer. */
async function request(
  url: URL,
  { apiKey, headers, body, signal, fetch = globalThis.fetch }: CompletionOptions,
  attempt: Attempt,
): Promise<ReadableStream<Uint8Array>> {
  // The query may have a key.
  const name = url.origin + url.pathname
  const init: RequestInit = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...headers,
    },
    body: JSON.stringify({ stream_options: { include_usage: true }, ...body, stream: true }),
    signal: attempt.signal,
  }
  let response: Response
  try {
    response = await attempt.wait(fetch(url.href, init))
  } catch (cause) {
    if (signal.aborted || attempt.isStalled) throw cause
    throw failure('model unavailable', `The model at ${name} cannot be reached. Check baseUrl and the network.`, {
      cause,
    })
  }
  const { status, ok } = response
  const type = response.headers.get('content-type') ?? ''
  if (ok && response.body && /^text\/event-stream\b/i.test(type)) return response.body
  const detail = await beginningOf(response, attempt)
  if (ok)
    throw failure('model failed', `The model at ${name} answered with "${type}" instead of a stream. Check baseUrl.`, {
      status,
      detail,
    })
  const later = status >= 500 || status === 429 || status === 408
  const fix = later ? 'Start a new run later.' : 'Check the API key, the model and the rest of the body.'
  throw failure(later ? 'model unavailable' : 'model refused', `The model at ${name} answered ${status}. ${fix}`, {
    status,
    detail,
  })
}

/** The first characters of a body, however long it is. */
async function beginningOf({ body }: Response, attempt: Attempt): Promise<string | undefined> {
  if (!body) return undefined
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let read = ''
  try {
    while (read.length < detailLength) {
      const { done, value } = await attempt.wait(reader.read())
      if (done) break
      read += decoder.decode(value, { stream: true })
    }
  } catch {
    // The part that arrived before the failure is enough.
  }
  return read
}
