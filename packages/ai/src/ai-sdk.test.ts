import { handleRunStop, handleRunStream } from '@rivulet/server/node'
import type { UIMessageChunk } from 'ai'
import * as ai6 from 'ai'
import * as ai7 from 'ai-7'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createNodes, type Node } from '../test/nodes.js'
import { readUIMessageStream, uiMessageOutput } from './ai-sdk.js'
import { RunChatTransport } from './ai-sdk-transport.js'
import { type AdapterUnderTest, type Answer, adapterChecks, type Reader } from './checks.js'
import { type UIMessageEvents, uiMessageEvents } from './events.js'

type AnyNode = Node<UIMessageEvents>
type Sdk = typeof ai6

/** The newest major for Node.js 20, and the newest, whose parts used here run there too. */
const majors: [string, Sdk][] = [
  ['AI SDK 6', ai6],
  ['AI SDK 7', ai7 as unknown as Sdk],
]

/** A UI message stream as the AI SDK makes it, of the texts of an answer. */
function uiStreamOf(sdk: Sdk, answer: Answer, signal: AbortSignal): ReadableStream<UIMessageChunk> {
  return sdk.createUIMessageStream({
    onError: (error) => (error as Error).message,
    execute: async ({ writer }) => {
      writer.write({ type: 'start', messageId: 'm1' })
      writer.write({ type: 'text-start', id: 't' })
      for await (const delta of answer(signal)) writer.write({ type: 'text-delta', id: 't', delta })
      writer.write({ type: 'text-end', id: 't' })
      writer.write({ type: 'finish' })
    },
  })
}

function readerOf(opened: Promise<ReadableStream<UIMessageChunk> | null>): Reader {
  const reader = opened.then((stream) => stream!.getReader())
  reader.catch(() => {})
  return {
    async next() {
      for (;;) {
        const { done, value } = await (await reader).read()
        if (done) return { end: 'done' }
        if (value.type === 'text-delta') return { text: value.delta }
        if (value.type === 'error') return { end: 'failed' }
        if (value.type === 'abort') return { end: 'stopped' }
      }
    },
    async leave() {
      await reader.then((stream) => stream.cancel()).catch(() => {})
    },
  }
}

async function start(sdk: Sdk, node: AnyNode, id: string, answer: Answer): Promise<void> {
  await node.runs.start(id, { map: uiMessageOutput }, ({ signal }) => uiStreamOf(sdk, answer, signal))
}

const route = { id: () => 'answer', authorize: () => true } as const
const retry = { initialMs: 1, maxMs: 10 }

/** Rivulet on the wire, read by the transport of this package. */
async function createByTransport(sdk: Sdk): Promise<AdapterUnderTest> {
  const nodes = await createNodes(uiMessageEvents, (node, request, response) => {
    if (request.method === 'DELETE') return handleRunStop(node.runs, request, response, route)
    return handleRunStream(node.runs, request, response, route)
  })
  const transport = new RunChatTransport({ api: nodes.url, retry })
  return {
    ...nodes,
    start: (id, answer) => start(sdk, nodes.one, id, answer),
    read: (chatId) => readerOf(transport.reconnectToStream({ chatId })),
    async stop(id) {
      await nodes.other.runs.stop(id, 'user')
    },
  }
}

/** The AI SDK's own protocol on the wire, read by its own transport. */
async function createByProtocol(sdk: Sdk): Promise<AdapterUnderTest> {
  const nodes = await createNodes(uiMessageEvents, async (node, _, response) => {
    const stream = await readUIMessageStream(node.runs, 'answer')
    if (stream) return sdk.pipeUIMessageStreamToResponse({ response, stream })
    response.writeHead(204).end()
  })
  const transport = new sdk.DefaultChatTransport({ api: nodes.url })
  return {
    ...nodes,
    replaysOnly: true,
    start: (id, answer) => start(sdk, nodes.one, id, answer),
    read: (chatId) => readerOf(transport.reconnectToStream({ chatId })),
    async stop(id) {
      await nodes.other.runs.stop(id, 'user')
    },
  }
}

describe.each(majors)('the transport for the %s', (_, sdk) => {
  for (const { name, run } of adapterChecks(() => createByTransport(sdk))) it(name, run, 30_000)
})

describe.each(majors)('runs in the protocol of the %s', (_, sdk) => {
  for (const { name, run } of adapterChecks(() => createByProtocol(sdk))) it(name, run, 30_000)
})

describe.each(majors)('a chat of the %s', (_, sdk) => {
  /** Serves chats as an application would. */
  async function serve(answer: Answer) {
    const requests: string[] = []
    let started: Promise<unknown> = Promise.resolve()
    const nodes = await createNodes(uiMessageEvents, (node, request, response) => {
      requests.push(`${request.method} ${request.url}`)
      if (request.method === 'DELETE') return handleRunStop(node.runs, request, response, route)
      if (request.method === 'GET') return handleRunStream(node.runs, request, response, route)
      return handleRunStream(node.runs, request, response, {
        authorize: () => true,
        location: () => '/answers/1',
        start: async () => {
          await started
          return node.runs.start('answer', { map: uiMessageOutput }, ({ signal }) => uiStreamOf(sdk, answer, signal))
        },
      })
    })
    onTestFinished(() => nodes.dispose())
    const transport = new RunChatTransport({ api: `${nodes.url}/chat`, retry })
    const send = (abortSignal?: AbortSignal) =>
      transport.sendMessages({
        trigger: 'submit-message',
        chatId: 'c/1',
        messageId: undefined,
        messages: [{ id: 'u1', role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
        abortSignal,
      })
    return { nodes, ...nodes, requests, transport, send, holdStart: (held: Promise<unknown>) => (started = held) }
  }

  it('gets a message by one POST, and reads on by GET after a break', async () => {
    let go = () => {}
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    const { send, cut, requests } = await serve(async function* () {
      yield 'hello'
      await gone
      yield ' world'
    })
    const states: string[] = []
    for await (const message of sdk.readUIMessageStream({ stream: await send() })) {
      const [part] = message.parts
      if (part?.type !== 'text' || part.text === states.at(-1)) continue
      states.push(part.text)
      if (part.text !== 'hello') continue
      cut()
      go()
    }
    expect(states).toEqual(['', 'hello', 'hello world'])
    expect(requests).toEqual(['POST /chat', 'GET /answers/1'])
  })

  it('stops the run of an answer that the user stops, even before the server has answered', async () => {
    const { send, holdStart, other, requests } = await serve(async function* (signal) {
      yield 'a'
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    let begin = () => {}
    holdStart(
      new Promise<void>((resolve) => {
        begin = resolve
      }),
    )
    const stop = new AbortController()
    const sent = send(stop.signal).catch(() => {})
    await expect.poll(() => requests.length).toBe(1)
    stop.abort()
    begin()
    await expect.poll(async () => (await other.runs.get('answer'))?.state).toBe('stopped')
    expect(requests.at(-1)).toBe('DELETE /answers/1')
    await sent
  })

  it('has nothing to resume where there is no run, and rejects what is refused', async () => {
    const { transport } = await serve(async function* () {})
    expect(await transport.reconnectToStream({ chatId: 'c' })).toBeNull()
    const refusing = await createNodes(uiMessageEvents, (_, __, response) => response.writeHead(403).end('no'))
    onTestFinished(() => refusing.dispose())
    const refused = new RunChatTransport({ api: refusing.url, retry })
    await expect(refused.reconnectToStream({ chatId: 'c' })).rejects.toMatchObject({
      code: 'RIVULET_HTTP_STATUS',
      status: 403,
    })
  })

  it('lets go of an answer that nobody reads any more, while nothing comes of it', async () => {
    const { nodes, send, one, requests } = await serve(async function* (signal) {
      yield 'a'
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    for (const stream of [await send(), await readUIMessageStream(one.runs, 'answer')]) {
      const reader = stream!.getReader()
      while (((await reader.read()).value as { type: string }).type !== 'text-delta');
      const pending = reader.read()
      expect(nodes.streams).toBe(1)
      // The read waits for an event now.
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      await reader.cancel()
      expect(await pending).toMatchObject({ done: true })
      await expect.poll(() => nodes.streams).toBe(0)
    }
    // Leaving is not stopping.
    expect((await one.runs.get('answer'))?.state).toBe('running')
    expect(requests).toEqual(['POST /chat'])
  })

  it('gives up where the server is busy when the user stops', async () => {
    const requests: (string | undefined)[] = []
    const busy = await createNodes(uiMessageEvents, (_, request, response) => {
      requests.push(request.method)
      response.writeHead(503, { 'retry-after': '60' }).end()
    })
    onTestFinished(() => busy.dispose())
    const transport = new RunChatTransport({ api: busy.url, retry })
    const stop = new AbortController()
    const sent = transport
      .sendMessages({
        trigger: 'submit-message',
        chatId: 'c',
        messageId: undefined,
        messages: [],
        abortSignal: stop.signal,
      })
      .catch((error: unknown) => error)
    await expect.poll(() => requests.length).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    expect(await sent).toMatchObject({ name: 'AbortError' })
    expect(requests).toEqual(['POST'])
  })

  it('brings chunks of several megabytes, such as files', async () => {
    const { one, transport } = await serve(async function* () {})
    const url = `data:image/png;base64,${'A'.repeat(3_000_000)}`
    const chunk = { type: 'file', mediaType: 'image/png', url } as const
    await one.runs.start('answer', { map: uiMessageOutput }, async function* () {
      yield chunk
    })
    const ways = [transport.reconnectToStream({ chatId: 'c' }), readUIMessageStream(one.runs, 'answer')]
    for (const stream of await Promise.all(ways)) {
      const reader = stream!.getReader()
      const { value } = await reader.read()
      // No comparison of the whole: nobody wants to see it where it fails.
      expect(value).toMatchObject({ type: 'file', mediaType: 'image/png' })
      expect(value?.type === 'file' && value.url === url).toBe(true)
      expect((await reader.read()).done).toBe(true)
    }
  })

  it('tells of a part that is no longer kept', async () => {
    const { one, transport } = await serve(async function* () {})
    const small = one.runs
    await small.start('answer', {}, async ({ publish }) => {
      const chunk = { type: 'text-delta', id: 't', delta: 'x'.repeat(100_000) } as const
      for (let n = 0; n < 100; n++) await publish('ui_message_chunk', { chunk })
    })
    await expect.poll(async () => (await small.get('answer'))?.state).toBe('done')
    const reader = (await transport.reconnectToStream({ chatId: 'c' }))!.getReader()
    expect((await reader.read()).value).toMatchObject({ type: 'error' })
    expect(await reader.read()).toMatchObject({ done: true })
  })

  it('refuses to guess an address that a URL would resolve', async () => {
    await expect(new RunChatTransport().reconnectToStream({ chatId: '..' })).rejects.toMatchObject({
      code: 'RIVULET_CONFIGURATION',
      option: 'chatId',
    })
  })
})
