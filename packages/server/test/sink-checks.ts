import { createDecoder, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Client, Served, Setup } from './served.js'

/** Collects messages and comments from the bytes that a client feeds it. */
export function decode(): Pick<Client, 'messages' | 'comments' | 'received'> & { feed(bytes: Uint8Array): void } {
  const messages: SseMessage[] = []
  const comments: string[] = []
  const waiting = new Set<() => void>()
  const decoder = createDecoder({
    onMessage: (message) => messages.push(message),
    onComment: (comment) => comments.push(comment),
  })
  return {
    messages,
    comments,
    feed(bytes) {
      decoder.feed(bytes)
      for (const check of waiting) check()
    },
    received: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (messages.length < count) return
          waiting.delete(check)
          resolve(messages)
        }
        waiting.add(check)
        check()
      }),
  }
}

const texts = (messages: readonly SseMessage[]) =>
  messages.filter(({ event }) => event === 'log').map(({ data }) => JSON.parse(data).message)

/** The suite that every sink passes, on every transport and runtime. */
export function describeSink(name: string, serve: (setup: Setup) => Promise<Served>): void {
  describe(name, () => {
    async function start(setup: Setup = {}): Promise<Served> {
      const served = await serve(setup)
      onTestFinished(async () => void (await served.closeManager()))
      return served
    }

    it('opens with stream headers, and sends events as they are published', async () => {
      const { publish, open } = await start()
      const client = await open()
      expect(client.status).toBe(200)
      expect(client.headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      })
      expect(await client.received(1)).toMatchObject([{ event: 'rivulet:open' }])
      await publish(['Grüße', '1', '2'])
      expect(texts(await client.received(4))).toEqual(['Grüße', '1', '2'])
    })

    it('resumes after the last event ID', async () => {
      const { publish, open } = await start()
      const [id] = await publish(['1', '2'])
      const client = await open({ 'last-event-id': id! })
      expect(texts(await client.received(2))).toEqual(['2'])
    })

    it('refuses with a status and headers', async () => {
      const { stats, open } = await start({ refusal: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } } })
      const client = await open()
      await client.ended
      expect(client.status).toBe(401)
      expect(client.headers).toMatchObject({ 'www-authenticate': 'Bearer', 'cache-control': 'no-store' })
      expect(await stats()).toMatchObject({ connections: 0, refused: 1 })
    })

    it('answers HEAD with the headers only', async () => {
      const { stats, open } = await start()
      const client = await open({}, 'HEAD')
      await client.ended
      expect(client.status).toBe(200)
      expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream' })
      await vi.waitFor(async () => expect(await stats()).toMatchObject({ connections: 0, cohorts: 0 }), 5_000)
    })

    it('refuses without a body where the status allows none', async () => {
      const { open } = await start({ refusal: { status: 204, message: 'Nothing for you.' } })
      const client = await open()
      await client.ended
      expect(client.status).toBe(204)
    })

    it('refuses with 500 if the refusal cannot be sent', async () => {
      // The default `onError` of a server in this process.
      const reported = vi.spyOn(console, 'error').mockImplementation(() => {})
      onTestFinished(() => reported.mockRestore())
      const { stats, open } = await start({ refusal: { status: 99 } })
      const client = await open()
      await client.ended
      expect(client.status).toBe(500)
      expect(await stats()).toMatchObject({ connections: 0, refused: 1 })
    })

    it('forgets a client that leaves', async () => {
      const { publish, stats, open } = await start()
      const client = await open()
      await client.received(1)
      client.leave()
      // Some runtimes notice only at the next write.
      await vi.waitFor(async () => {
        await publish(['to nobody'])
        expect(await stats()).toMatchObject({ connections: 0, cohorts: 0, closed: 1 })
      }, 5_000)
    })

    it('ends a stream with rivulet:close', async () => {
      const { disconnectAll, open } = await start()
      const client = await open()
      await client.received(1)
      await disconnectAll('enough')
      await client.ended
      expect(client.messages.at(-1)).toMatchObject({
        event: 'rivulet:close',
        data: '{"reason":"enough","retry":false}',
      })
    })

    it('serves a slow client from the log, and buffers little for it', async () => {
      const { publish, connections, stats, open } = await start({
        manager: { limits: { highWaterMarkBytes: 100_000 }, retention: { maxEvents: 100_000, maxBytes: 1e9 } },
      })
      const client = await open()
      await client.received(1)
      // A client that pauses earlier is still joining: its response has not drained.
      await vi.waitFor(async () => expect(await connections()).toMatchObject([{ state: 'live' }]), 5_000)
      client.pause()
      const numbers = Array.from({ length: 4_000 }, (_, index) => `${index} ${'x'.repeat(4_000)}`)
      await publish(numbers)
      const [connection] = await connections()
      expect(connection).toMatchObject({ state: 'lagging' })
      expect(connection!.bufferedBytes).toBeLessThan(300_000)
      client.resume()
      await client.received(4_001)
      expect(texts(client.messages)).toEqual(numbers)
      expect(await stats()).toMatchObject({ gaps: 0 })
      await vi.waitFor(
        async () => expect(await connections()).toMatchObject([{ state: 'live', bufferedBytes: 0 }]),
        5_000,
      )
    }, 30_000)

    it('cuts off a client that reads nothing', async () => {
      const { publish, stats, open } = await start({
        manager: { limits: { highWaterMarkBytes: 1_000, stallTimeoutMs: 100 } },
      })
      const client = await open()
      await client.received(1)
      client.pause()
      await publish(Array.from({ length: 200 }, () => 'x'.repeat(100_000)))
      await vi.waitFor(async () => expect(await stats()).toMatchObject({ connections: 0, stalled: 1 }), 10_000)
    }, 30_000)

    it('sends heartbeats to an idle stream', async () => {
      const { open, stats } = await start({ manager: { heartbeat: { intervalMs: 64 } } })
      const client = await open()
      await vi.waitFor(() => expect(client.comments.length).toBeGreaterThan(1), 5_000)
      expect((await stats()).heartbeats).toBeGreaterThan(1)
    })

    it('ends when the manager closes', async () => {
      const { closeManager, open } = await start()
      const client = await open()
      await client.received(1)
      await closeManager()
      await client.ended
      expect(client.messages.at(-1)).toMatchObject({
        event: 'rivulet:close',
        data: '{"reason":"shutdown","retry":true}',
      })
    })
  })
}
