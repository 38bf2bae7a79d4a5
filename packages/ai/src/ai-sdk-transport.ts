import {
  ConfigurationError,
  EventStreamService,
  type EventStreamServiceOptions,
  HttpStatusError,
} from '@rivulet/client'
import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai'
import { readRun } from './read-run.js'
import { chunksOf, type UIMessageEvents, uiMessageEvents } from './ui-messages.js'

type Sent<Message extends UIMessage> = Parameters<ChatTransport<Message>['sendMessages']>[0]
type Rejoined<Message extends UIMessage> = Parameters<ChatTransport<Message>['reconnectToStream']>[0]
type Stream = EventStreamService<UIMessageEvents>

export interface RunChatTransportOptions<Message extends UIMessage = UIMessage>
  extends Pick<EventStreamServiceOptions, 'credentials' | 'fetch' | 'retry' | 'onUnauthorized'> {
  /** The route that starts a run and streams it, by POST. @default '/api/chat' */
  api?: string
  /** Headers of every request. Those of a single call are added. */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>)
  /**
   * The body of the POST, as JSON.
   * @default (sent) => ({ id: sent.chatId, messages: sent.messages, trigger: sent.trigger, messageId: sent.messageId,
   *   ...sent.body })
   */
  body?: (sent: Omit<Sent<Message>, 'abortSignal'>) => object
  /**
   * The address at which the last answer of a chat is read by GET and stopped by DELETE. 404 means that there is none.
   * @default (chatId) => `${api}/${encodeURIComponent(chatId)}/stream`
   */
  streamUrl?: (chatId: string) => string
  /** The largest chunk, in bytes of its JSON. A larger one, for example a file, ends the answer with an error. @default 16_777_216 */
  maxEventBytes?: number
}

/**
 * A transport for `useChat` of the AI SDK. Answers are runs, which continue when the page reloads or the network breaks. A
 * lost connection resumes after the last chunk, and no chunk arrives twice. `stop()` stops the run for all readers.
 *
 * With `resume: true`, `useChat` reads an answer in progress from its beginning. Give messages an id on the server
 * (`generateMessageId` of `toUIMessageStream`), so that an answer completed in the meantime replaces the stored one.
 *
 * @example
 * useChat({ id, resume: true, transport: new RunChatTransport({ api: '/api/chat' }) })
 */
export class RunChatTransport<Message extends UIMessage = UIMessage> implements ChatTransport<Message> {
  /** An answer is always read from its beginning. */
  readonly resumeStreamIsReplay = true
  readonly #options: RunChatTransportOptions<Message>

  constructor(options: RunChatTransportOptions<Message> = {}) {
    this.#options = options
  }

  /**
   * Sends the messages and reads the answer.
   *
   * @throws The error that refused or broke the request, for example an `HttpStatusError`.
   */
  async sendMessages({ abortSignal, ...sent }: Sent<Message>): Promise<ReadableStream<UIMessageChunk>> {
    const { api = '/api/chat', body = bodyOf } = this.#options
    const headers = { 'content-type': 'application/json', ...(await this.#headers(sent.headers)) }
    const stream = this.#stream({ url: api, method: 'POST', headers, body: JSON.stringify(body(sent)) })
    return (await this.#open(stream, sent.chatId, headers, abortSignal))!
  }

  /**
   * Reads the last answer of the chat: from its beginning, then live.
   *
   * @returns `null` if there is none.
   * @throws The same errors as `sendMessages`.
   */
  async reconnectToStream(
    rejoined: Rejoined<Message> & { abortSignal?: AbortSignal },
  ): Promise<ReadableStream<UIMessageChunk> | null> {
    const headers = await this.#headers(rejoined.headers)
    const stream = this.#stream({ url: this.#streamUrl(rejoined.chatId), headers })
    try {
      return await this.#open(stream, rejoined.chatId, headers, rejoined.abortSignal)
    } catch (error) {
      if (error instanceof HttpStatusError && error.status === 404) return null
      throw error
    }
  }

  #streamUrl(chatId: string): string {
    const { api = '/api/chat', streamUrl } = this.#options
    if (streamUrl) return streamUrl(chatId)
    // In a URL, these would name another folder.
    if (chatId === '.' || chatId === '..')
      throw new ConfigurationError('chatId', chatId, 'Pass another ID, or a streamUrl.')
    return `${api}/${encodeURIComponent(chatId)}/stream`
  }

  async #headers(more: Record<string, string> | Headers | undefined): Promise<Record<string, string>> {
    const { headers = {} } = this.#options
    const own = typeof headers === 'function' ? await headers() : headers
    return Object.fromEntries([...new Headers(own), ...new Headers(more)])
  }

  #stream(request: Pick<EventStreamServiceOptions, 'url' | 'method' | 'headers' | 'body'>): Stream {
    const { credentials, fetch, retry, onUnauthorized, maxEventBytes = 16_777_216 } = this.#options
    const options = { credentials, fetch, retry, onUnauthorized, maxEventBytes }
    return new EventStreamService({ ...request, ...options, events: uiMessageEvents })
  }

  /** Connects, and resolves when the server has accepted: with `null` for 204. */
  async #open(
    stream: Stream,
    chatId: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<ReadableStream<UIMessageChunk> | null> {
    const items = readRun(stream)
    const first = items.next()
    first.catch(() => {})
    const answered = new Promise<void>((resolve) => {
      stream.onStatusChange(({ status }) => {
        if (status === 'open' || status === 'closed') resolve()
      })
    })
    // The run is stopped even if the signal aborts before the server has given its address.
    const onAbort = () => {
      // The server started no run, and no further attempt will.
      if (stream.status === 'waiting' && stream.state.location === undefined) stream.close()
      void answered.then(() => this.#stop(stream, chatId, headers))
    }
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    stream.onStatusChange(({ status }) => {
      if (status === 'closed') signal?.removeEventListener('abort', onAbort)
    })
    await answered
    const { status, error, ended } = stream.state
    if (status === 'closed' && error !== undefined) throw error
    if (status === 'closed' && !ended) {
      signal?.throwIfAborted()
      return null
    }
    return chunksOf(resume(first, items), () => stream.close())
  }

  async #stop(stream: Stream, chatId: string, headers: Record<string, string>): Promise<void> {
    const { location, status, ended } = stream.state
    if (ended || (status === 'closed' && location === undefined)) return
    stream.close()
    const { fetch = globalThis.fetch, credentials } = this.#options
    await fetch(location ?? this.#streamUrl(chatId), { method: 'DELETE', headers, credentials }).catch(() => {})
  }
}

function bodyOf<Message extends UIMessage>(sent: Omit<Sent<Message>, 'abortSignal'>): object {
  const { chatId, messages, trigger, messageId, body } = sent
  return { id: chatId, messages, trigger, messageId, ...body }
}

/** A generator whose first item was asked for already. */
async function* resume<T>(
  first: Promise<IteratorResult<T, void>>,
  rest: AsyncGenerator<T, void>,
): AsyncGenerator<T, void> {
  try {
    const { done, value } = await first
    if (done) return
    yield value
    yield* rest
  } finally {
    await rest.return()
  }
}
