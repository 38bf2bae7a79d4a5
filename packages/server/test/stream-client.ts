import { type ClientRequest, type IncomingMessage, type RequestOptions, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDecoder, parseControlEvent, type SseMessage } from '@rivulet/core'
import { onTestFinished } from 'vitest'

/** A stream as a client sees it. */
export interface StreamClient {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  readonly messages: SseMessage[]
  readonly comments: string[]
  readonly retries: number[]
  /** Resolves with all messages once there are at least `count`. */
  received(count: number): Promise<SseMessage[]>
  /** Resolves with the first message that matches. */
  until(predicate: (message: SseMessage) => boolean): Promise<SseMessage>
  /** Resolves when the response has ended in any way. */
  readonly ended: Promise<void>
}

/** Starts a server on a free port. After the test, closes it and all its connections. Resolves with its URL. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function openStream(url: string, options: RequestOptions = {}, body?: string): Promise<StreamClient> {
  const sent = request(url, { agent: false, ...options })
  sent.end(body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject)
  })
  const messages: SseMessage[] = []
  const comments: string[] = []
  const retries: number[] = []
  const waiting = new Set<() => void>()
  const decoder = createDecoder({
    onMessage: (message) => messages.push(message),
    onComment: (comment) => comments.push(comment),
    onRetry: (ms) => retries.push(ms),
  })
  if (!response.headers['content-encoding']) {
    response.on('data', (chunk) => {
      decoder.feed(chunk)
      for (const check of waiting) check()
    })
  }
  const ended = new Promise<void>((resolve) => response.on('close', resolve).on('error', () => {}))
  onTestFinished(() => void sent.destroy())
  function when<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find()
        if (found === undefined) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      void ended.then(() => reject(new Error(`The stream ended after: ${JSON.stringify(messages)}`)))
      check()
    })
  }
  return {
    request: sent,
    response,
    messages,
    comments,
    retries,
    received: (count) => when(() => (messages.length >= count ? messages : undefined)),
    until: (predicate) => when(() => messages.find(predicate)),
    ended,
  }
}

/** The decoded data of all messages with one event name. */
export function dataOf(messages: readonly SseMessage[], event: string): Record<string, unknown>[] {
  return messages.filter((message) => message.event === event).map(({ data }) => JSON.parse(data))
}

/** The control events among the messages. */
export function controlEventsOf(messages: readonly SseMessage[]): unknown[] {
  return messages.map(parseControlEvent).filter((event) => event !== undefined)
}
