import { resumeServerSentEventsResponse, type StreamChunk, toServerSentEventsResponse } from '@tanstack/ai'
import { fetchServerSentEvents } from '@tanstack/ai-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createNodes, sendResponse, webRequest } from '../test/nodes.js'
import { type AdapterUnderTest, type Answer, adapterChecks, type Reader } from './checks.js'
import { runDurability, tanStackEvents } from './tanstack-ai.js'

const chunk = (fields: object): StreamChunk => ({ timestamp: 1, ...fields }) as StreamChunk

/** Yields the texts of an answer as `chat()` of TanStack AI does. */
async function* chunksOf(answer: Answer, signal: AbortSignal): AsyncGenerator<StreamChunk, void> {
  yield chunk({ type: 'RUN_STARTED', runId: 'r', threadId: 't' })
  for await (const delta of answer(signal)) yield chunk({ type: 'TEXT_MESSAGE_CONTENT', messageId: 'm', delta })
  yield chunk({ type: 'RUN_FINISHED', runId: 'r', threadId: 't' })
}

function readerOf(items: AsyncIterable<StreamChunk>, left: AbortController): Reader {
  const iterator = items[Symbol.asyncIterator]()
  return {
    async next() {
      for (;;) {
        const { done, value } = await iterator.next()
        if (done) throw new Error('The stream ended without a last chunk.')
        if (value.type === 'TEXT_MESSAGE_CONTENT') return { text: value.delta }
        if (value.type === 'RUN_FINISHED') return { end: 'done' }
        if (value.type === 'RUN_ERROR') return { end: value.code === 'aborted' ? 'stopped' : 'failed' }
      }
    },
    leave: () => left.abort(),
  }
}

async function create(): Promise<AdapterUnderTest> {
  let answer: Answer | undefined
  const nodes = await createNodes(tanStackEvents, async ({ runs }, incoming, outgoing) => {
    const request = await webRequest(incoming, outgoing, nodes.url)
    const abortController = new AbortController()
    const adapter = runDurability(runs, request, { abortController })
    const response =
      adapter.resumeFrom() === null
        ? toServerSentEventsResponse(chunksOf(answer!, abortController.signal), {
            abortController,
            durability: { adapter, batch: 1 },
          })
        : resumeServerSentEventsResponse({ adapter })
    await sendResponse(response, outgoing)
  })
  const connection = fetchServerSentEvents(nodes.url)
  return {
    ...nodes,
    async start(id, given) {
      answer = given
      // A page that asks and is closed at once: the answer goes on.
      const left = new AbortController()
      const asked = connection.connect([], {}, left.signal, { threadId: 't', runId: id })
      await asked[Symbol.asyncIterator]().next()
      left.abort()
    },
    read(id) {
      const left = new AbortController()
      return readerOf(connection.joinRun!(id, left.signal), left)
    },
    async stop(id) {
      await nodes.other.runs.stop(id)
    },
  }
}

describe('the durability of TanStack AI', () => {
  for (const { name, run } of adapterChecks(create)) it(name, run, 30_000)

  async function serve() {
    const nodes = await createNodes(tanStackEvents, () => {})
    onTestFinished(() => nodes.dispose())
    return nodes.one.runs
  }

  const text = (delta: string) => chunk({ type: 'TEXT_MESSAGE_CONTENT', messageId: 'm', delta })

  async function readAll(items: AsyncIterable<{ chunk: StreamChunk }>): Promise<unknown[]> {
    const read: unknown[] = []
    for await (const { chunk } of items) read.push('delta' in chunk ? chunk.delta : chunk.type)
    return read
  }

  it('gives one offset for each chunk, and reads strictly after it', async () => {
    const log = runDurability(await serve(), { runId: 'a/b c' })
    const offsets = [...(await log.append([text('1'), text('2')])), ...(await log.append([text('3')]))]
    expect(new Set(offsets).size).toBe(3)
    expect(offsets.every((offset) => /^[\x21-\x7e]+$/.test(offset))).toBe(true)
    await log.close()
    expect(await readAll(log.read('-1'))).toEqual(['1', '2', '3'])
    expect(await readAll(log.read(offsets[0]!))).toEqual(['2', '3'])
    expect(await readAll(log.read(offsets[2]!))).toEqual([])
  })

  it('shows what is stored, while the run goes on and where there is none', async () => {
    const runs = await serve()
    const log = runDurability(runs, { runId: 'a' })
    expect(await log.snapshot()).toEqual([])
    const [first] = await log.append([text('1')])
    expect(await log.snapshot()).toEqual([{ offset: first, chunk: text('1') }])
    const present = log.read('now')[Symbol.asyncIterator]()
    let latest: StreamChunk | undefined
    const next = present.next().then(({ value }) => {
      latest = value?.chunk
    })
    // It is not told when the present begins.
    while (!latest) {
      await log.append([text('2')])
      await new Promise((resolve) => setImmediate(resolve))
    }
    await next
    expect(latest).toEqual(text('2'))
    await log.close()
  })

  it('hides the runs of others, and lets nobody write to them', async () => {
    const runs = await serve()
    const own = runDurability(runs, { runId: 'a' }, { key: 'ada' })
    await own.append([text('secret')])
    const other = runDurability(runs, { runId: 'a' }, { key: 'bob' })
    await expect(other.read('-1')[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'RIVULET_RUN_NOT_FOUND',
    })
    expect(await other.snapshot()).toEqual([])
    await expect(other.append([text('x')])).rejects.toMatchObject({ code: 'RIVULET_RUN_TAKEN' })
    await expect(runDurability(runs, { runId: 'a' }, { key: 'ada' }).append([text('x')])).rejects.toMatchObject({
      code: 'RIVULET_RUN_TAKEN',
    })
    await own.close()
    expect(await readAll(own.read('-1'))).toEqual(['secret'])
  })

  it('finds the run and the offset in a request', async () => {
    const runs = await serve()
    const [offset] = await runDurability(runs, { runId: 'ü 1' }).append([text('1')])
    const resumed = runDurability(runs, new Request('http://x/', { headers: { 'last-event-id': offset! } }))
    expect(resumed.resumeFrom()).toBe(offset)
    expect((await resumed.snapshot()).length).toBe(1)
    const joined = runDurability(runs, new Request(`http://x/?offset=-1&runId=${encodeURIComponent('ü 1')}`))
    expect(joined.resumeFrom()).toBe('-1')
    expect((await joined.snapshot()).length).toBe(1)
    expect(runDurability(runs, new Request('http://x/')).resumeFrom()).toBeNull()
  })

  it.each(['', 'x', '1', '1.', '1.%', '-2.a'])('refuses the offset "%s"', async (offset) => {
    const runs = await serve()
    const headers = { 'last-event-id': offset }
    if (offset !== '') {
      expect(() => runDurability(runs, new Request('http://x/', { headers }))).toThrow(/RIVULET_CONFIGURATION|offset/)
    }
    const log = runDurability(runs, { runId: 'a' })
    await log.append([text('1')])
    await expect(log.read(offset)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'RIVULET_CONFIGURATION',
    })
    await log.close()
  })

  it('stops the run when the application aborts the answer', async () => {
    const runs = await serve()
    const abortController = new AbortController()
    const log = runDurability(runs, { runId: 'a' }, { abortController })
    await log.append([text('1')])
    abortController.abort()
    await log.close()
    expect(await runs.get('a')).toMatchObject({ state: 'stopped', reason: 'aborted' })
  })
})
