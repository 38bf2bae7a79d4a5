import { createServer, type ServerResponse } from 'node:http'
import { EventStreamService } from '@rivulet/client'
import type { EndState } from '@rivulet/core'
import { handleRunStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { FakeClock } from '../../testing/src/fake-clock.js'
import { bodyOf, createNodes, listen } from '../test/nodes.js'
import { type AdapterUnderTest, type Answer, adapterChecks } from './checks.js'
import { completionEvents } from './events.js'
import { type CompletionOutput, relayCompletion } from './openai.js'
import { readRun } from './read-run.js'

type Model = (response: ServerResponse, body: Record<string, unknown>, headers: Record<string, unknown>) => unknown

async function serveModel(model: Model): Promise<{ baseUrl: string; close(): void }> {
  const server = createServer((request, response) => {
    response.on('error', () => {})
    void bodyOf(request).then((body) => model(response, JSON.parse(body), { ...request.headers, path: request.url }))
  })
  const baseUrl = `http://127.0.0.1:${await listen(server)}/v1/`
  return {
    baseUrl,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const sse = { 'content-type': 'text/event-stream; charset=utf-8' }
const delta = (fields: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: fields, finish_reason: finish }] })}\n\n`

/** A model that streams an answer as OpenAI does. */
function modelOf(answer: Answer): Model {
  return async (response) => {
    const left = new AbortController()
    response.on('close', () => left.abort())
    response.writeHead(200, sse).write(delta({ role: 'assistant', content: '' }))
    try {
      for await (const text of answer(left.signal)) response.write(delta({ content: text }))
      response.end(`${delta({}, 'stop')}data: [DONE]\n\n`)
    } catch {
      response.end('data: {"error":{"message":"out of words"}}\n\n')
    }
  }
}

async function create(): Promise<AdapterUnderTest> {
  const models: { close(): void }[] = []
  const nodes = await createNodes(completionEvents, ({ runs }, request, response) =>
    handleRunStream(runs, request, response, { id: () => 'answer', authorize: () => true }),
  )
  return {
    ...nodes,
    async start(id, answer) {
      const model = await serveModel(modelOf(answer))
      models.push(model)
      const body = { model: 'm', messages: [] }
      await nodes.one.runs.start(id, {}, ({ signal }) => relayCompletion({ baseUrl: model.baseUrl, body, signal }))
    },
    read() {
      const retry = { initialMs: 1, maxMs: 10 }
      const items = readRun(new EventStreamService({ url: nodes.url, events: completionEvents, retry }))
      return {
        async next() {
          for (;;) {
            const { value: item } = await items.next()
            if (!item || 'gap' in item) throw new Error(`The stream has a gap: ${JSON.stringify(item)}`)
            if ('end' in item) return { end: item.end!.state as EndState }
            if ('event' in item && item.event.type === 'completion_text') return { text: item.event.text }
          }
        },
        leave: () => items.return(),
      }
    },
    async stop(id) {
      await nodes.other.runs.stop(id)
    },
    async dispose() {
      await nodes.dispose()
      for (const model of models) model.close()
    },
  }
}

describe('the relay of a completion', () => {
  for (const { name, run } of adapterChecks(create)) it(name, run, 30_000)

  /** Relays what a model answers, and returns the outputs with the reason of a failure. */
  async function relay(model: Model, options: object = {}) {
    const { baseUrl, close } = await serveModel(model)
    onTestFinished(close)
    const outputs: CompletionOutput[] = []
    const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...options }
    try {
      const { signal } = new AbortController()
      for await (const output of relayCompletion({ baseUrl, apiKey: 'key', body, signal })) outputs.push(output)
    } catch (error) {
      return {
        outputs,
        error: error as Error & { reason: string; cause: { code: string; detail?: string; status?: number } },
      }
    }
    return { outputs, error: undefined }
  }

  it('asks as the endpoint wants to be asked', async () => {
    let asked: unknown
    await relay(
      (response, body, headers) => {
        asked = { body, path: headers.path, authorization: headers.authorization }
        response.writeHead(200, sse).end('data: [DONE]\n\n')
      },
      { temperature: 0, stream: false },
    )
    expect(asked).toEqual({
      path: '/v1/chat/completions',
      authorization: 'Bearer key',
      body: {
        model: 'm',
        messages: [{ role: 'user', content: 'hi' }],
        temperature: 0,
        stream: true,
        stream_options: { include_usage: true },
      },
    })
  })

  it('gives text, reasoning, tool calls, the finish and the usage, however the bytes are cut', async () => {
    const call = (fields: object) => delta({ tool_calls: [fields] })
    const answer = [
      ': comment\n\n',
      delta({ reasoning_content: 'hm' }),
      delta({ content: 'häl' }),
      delta({ content: 'lo' }),
      call({ index: 1, id: 'c1', type: 'function', function: { name: 'look', arguments: '' } }),
      call({ index: 1, function: { arguments: '{"a":' } }),
      call({ index: 1, function: { arguments: '1}' } }),
      delta({}, 'tool_calls'),
      'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}\r\n\r\n',
      'data: [DONE]\n\n',
    ].join('')
    const { outputs, error } = await relay(async (response) => {
      response.writeHead(200, sse)
      for (const byte of Buffer.from(answer)) response.write(Buffer.of(byte))
      response.end()
    })
    expect(error).toBeUndefined()
    expect(outputs).toEqual([
      { type: 'completion_reasoning', payload: { text: 'hm' } },
      { type: 'completion_text', payload: { text: 'häl' } },
      { type: 'completion_text', payload: { text: 'lo' } },
      { type: 'completion_tool_call', payload: { index: 1, callId: 'c1', name: 'look', arguments: '' } },
      { type: 'completion_tool_call', payload: { index: 1, arguments: '{"a":' } },
      { type: 'completion_tool_call', payload: { index: 1, arguments: '1}' } },
      { type: 'completion_finish', payload: { reason: 'tool_calls' } },
      { type: 'completion_usage', payload: { inputTokens: 3, outputTokens: 4, totalTokens: 7 } },
    ])
  })

  it.each<[string, Model, string, object]>([
    ['refuses', (r) => r.writeHead(401).end('bad key sk-1'), 'model refused', { status: 401, detail: 'bad key sk-1' }],
    ['is busy', (r) => r.writeHead(429).end(), 'model unavailable', { status: 429 }],
    [
      'breaks down',
      (r) => r.writeHead(500).end('x'.repeat(5_000)),
      'model unavailable',
      { status: 500, detail: 'x'.repeat(1_000) },
    ],
    [
      'answers at once',
      (r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
      'model failed',
      { status: 200, detail: '{}' },
    ],
    [
      'reports an error in the middle',
      (r) =>
        r.writeHead(200, sse).end(`${delta({ content: 'a' })}data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n`),
      'model failed',
      { detail: '{"error":{"message":"no"}}' },
    ],
    [
      'sends what is no JSON',
      (r) => r.writeHead(200, sse).end(`${delta({ content: 'a' })}data: {"cho\n\n`),
      'model failed',
      { detail: '{"cho' },
    ],
    ['sends no object', (r) => r.writeHead(200, sse).end('data: 1\n\n'), 'model failed', { detail: '1' }],
    ['ends before it is complete', (r) => r.writeHead(200, sse).end(delta({ content: 'a' })), 'model cut off', {}],
    [
      'ends in the middle of an event',
      (r) => r.writeHead(200, sse).end(delta({ content: 'a' }, 'stop').slice(0, -1)),
      'model cut off',
      {},
    ],
    [
      'names an event "error"',
      (r) =>
        r.writeHead(200, sse).end(`${delta({ content: 'a' })}event: error\ndata: {"message":"no"}\n\ndata: [DONE]\n\n`),
      'model failed',
      { detail: '{"message":"no"}' },
    ],
    [
      'sends an object that is an error',
      (r) => r.writeHead(200, sse).end('data: {"object":"error","message":"no"}\n\n'),
      'model failed',
      { detail: '{"object":"error","message":"no"}' },
    ],
    [
      'sends an event without an end',
      (r) => r.writeHead(200, sse).write(`${delta({ content: 'a' })}data: ${'x'.repeat(2_000_000)}`),
      'model failed',
      {},
    ],
    [
      'breaks off after its finish',
      (r) => r.writeHead(200, sse).write(delta({ content: 'a' }, 'stop'), () => r.destroy()),
      'model cut off',
      {},
    ],
    ['breaks off', (r) => r.writeHead(200, sse).write(delta({ content: 'a' }), () => r.destroy()), 'model cut off', {}],
  ])('fails when the model %s', async (_, model, reason, cause) => {
    const { outputs, error } = await relay(model)
    expect(error).toMatchObject({ code: 'RIVULET_RUN_FAILED', reason, cause: { code: 'RIVULET_COMPLETION', ...cause } })
    expect(JSON.stringify(error?.reason)).not.toContain('sk-1')
    if (outputs.length > 0) expect(outputs[0]).toEqual({ type: 'completion_text', payload: { text: 'a' } })
  })

  const end = delta({}, 'stop')
  /** The outputs for a whole answer, given as the texts of its messages. */
  async function outputsOf(...texts: string[]) {
    const { outputs, error } = await relay((response) => response.writeHead(200, sse).end(texts.join('')))
    expect(error).toBeUndefined()
    return outputs
  }
  const call = (...calls: object[]) => delta({ tool_calls: calls })
  const finish = { type: 'completion_finish', payload: { reason: 'stop' } }
  const toolCall = (payload: object) => ({ type: 'completion_tool_call', payload })

  it('takes an answer as complete that has a reason for its finish, and no [DONE]', async () => {
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    expect(await outputsOf(delta({ content: 'a' }), end, usage)).toEqual([
      { type: 'completion_text', payload: { text: 'a' } },
      finish,
      { type: 'completion_usage', payload: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } },
    ])
  })

  it('gives the usage once, where the endpoint counts it up in each message', async () => {
    const counted = (tokens: number, content: string) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], usage: { completion_tokens: tokens } })}\n\n`
    const outputs = await outputsOf(counted(1, 'a'), counted(2, 'b'), 'data: [DONE]\n\n')
    expect(outputs.map(({ type }) => type)).toEqual(['completion_text', 'completion_text', 'completion_usage'])
    expect(outputs[2]).toMatchObject({ payload: { outputTokens: 2 } })
  })

  it('gives the first of several choices', async () => {
    const of = (index: number, content: string, reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ index, delta: { content }, finish_reason: reason }] })}\n\n`
    expect(await outputsOf(of(0, 'a'), of(1, 'x'), of(1, '', 'stop'), of(0, 'b', 'stop'))).toEqual([
      { type: 'completion_text', payload: { text: 'a' } },
      { type: 'completion_text', payload: { text: 'b' } },
      finish,
    ])
  })

  it('gives content that comes in parts', async () => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }
    const parts = delta({ content: [thinking, { type: 'text', text: 'a' }, { type: 'text', text: 'b' }, null] })
    expect(await outputsOf(parts, end)).toEqual([
      { type: 'completion_reasoning', payload: { text: 'hm' } },
      { type: 'completion_text', payload: { text: 'ab' } },
      finish,
    ])
  })

  it.each([
    ['have the same index', [0, 0]],
    ['have no index', [undefined, undefined]],
  ])('keeps calls of tools apart that %s', async (_, [one, other]) => {
    const first = call({ index: one, id: 'c1', function: { name: 'look', arguments: '{"a"' } })
    const rest = call({ index: one, id: 'c1', function: { arguments: ':1}' } })
    const second = call({ index: other, id: 'c2', function: { name: 'listen', arguments: { b: 2 } } })
    expect(await outputsOf(first, rest, second, end)).toEqual([
      toolCall({ index: 0, callId: 'c1', name: 'look', arguments: '{"a"' }),
      toolCall({ index: 0, callId: 'c1', arguments: ':1}' }),
      toolCall({ index: 1, callId: 'c2', name: 'listen', arguments: '{"b":2}' }),
      finish,
    ])
  })

  it('keeps calls of tools apart whose pieces alternate', async () => {
    const piece = (index: number, given: string) => ({ index, function: { arguments: given } })
    const begin = (index: number) => ({ index, id: `c${index}`, function: { name: 'look' } })
    const outputs = await outputsOf(
      call(begin(0), begin(1)),
      call(piece(1, 'x'), piece(0, 'a')),
      call(piece(1, 'y')),
      end,
    )
    const joined = new Map<number, string>()
    for (const { type, payload } of outputs)
      if (type === 'completion_tool_call')
        joined.set(payload.index, (joined.get(payload.index) ?? '') + payload.arguments)
    expect([...joined]).toEqual([
      [0, 'a'],
      [1, 'xy'],
    ])
  })

  it.each([
    ['data: {"choices":null}', 'data: {"choices":[null]}', 'data: {"choices":[{"index":0,"delta":null}]}'],
    ['data:', ': only a comment', 'retry: 1\nid: 1'],
    ['data: {"choices":[{"delta":{"content":1,"tool_calls":{},"refusal":[]}}]}', 'event: ping\ndata: {}', 'x: y'],
  ])('passes over messages that say nothing: %s', async (...texts) => {
    const empty = texts.filter((text) => text !== 'data:')
    expect(await outputsOf(...empty.map((text) => `${text}\n\n`), delta({ content: 'a' }), end)).toEqual([
      { type: 'completion_text', payload: { text: 'a' } },
      finish,
    ])
  })

  describe('when the model stands still', () => {
    const stallMs = 1_000
    /** Relays with a clock, and lets the time pass once the relay waits and has given so many outputs. */
    async function stall(model: Model, count: number) {
      const { baseUrl, close } = await serveModel(model)
      onTestFinished(close)
      const clock = new FakeClock()
      const { signal } = new AbortController()
      const items = relayCompletion({ baseUrl, body: { model: 'm', messages: [] }, signal, stallMs, clock })
      for (let given = 0; given < count; given++) expect((await items.next()).done).toBe(false)
      const next = items.next().catch((error: unknown) => error)
      return { clock, next, items }
    }

    it.each<[string, Model, number]>([
      ['before its headers', () => {}, 0],
      ['in the middle', (r) => r.writeHead(200, sse).write(delta({ content: 'a' })), 1],
    ])('fails: %s', async (_, model, count) => {
      const { clock, next } = await stall(model, count)
      await vi.waitFor(() => expect(clock.pending).toEqual([stallMs]))
      clock.advance(stallMs)
      expect(await next).toMatchObject({ code: 'RIVULET_RUN_FAILED', reason: 'model stalled' })
      expect(clock.timers).toBe(0)
    })

    it('says why it refused, in the middle of which it stands still', async () => {
      const clock = new FakeClock()
      let pulls = 0
      const body = new ReadableStream({
        pull: (controller) => (pulls++ === 0 ? controller.enqueue(Buffer.from('bad')) : new Promise(() => {})),
      })
      const answer = (async () => new Response(body, { status: 400 })) as typeof fetch
      const { signal } = new AbortController()
      const options = { body: { model: 'm', messages: [] }, signal, stallMs, clock, fetch: answer }
      const next = relayCompletion(options).next()
      next.catch(() => {})
      await vi.waitFor(() => expect([pulls, clock.pending]).toEqual([2, [stallMs]]))
      // Its second read waits now, if it did not before.
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(stallMs)
      await expect(next).rejects.toMatchObject({ reason: 'model refused', cause: { status: 400, detail: 'bad' } })
    })

    it('takes no time that the reader needs for its own', async () => {
      const { clock, next, items } = await stall(
        (r) => r.writeHead(200, sse).write(delta({ content: 'a' }) + delta({ content: 'b' })),
        1,
      )
      expect(await next).toMatchObject({ value: { payload: { text: 'b' } } })
      expect(clock.timers).toBe(0)
      await items.return()
    })

    it.each([0, -1, Number.NaN])('refuses %s ms', async (stallMs) => {
      const { signal } = new AbortController()
      const items = relayCompletion({ body: { model: 'm', messages: [] }, signal, stallMs })
      await expect(items.next()).rejects.toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'stallMs' })
    })
  })

  it('ends with the signal, also where fetch does not', async () => {
    const abort = new AbortController()
    const reason = new Error('stopped')
    const deaf = (() => new Promise(() => {})) as unknown as typeof fetch
    const items = relayCompletion({ body: { model: 'm', messages: [] }, signal: abort.signal, fetch: deaf })
    const next = items.next().catch((error: unknown) => error)
    abort.abort(reason)
    expect(await next).toBe(reason)
  })

  it('keeps the query of the address, and no key in errors', async () => {
    let asked = ''
    const refuse = (async (input: string) => {
      asked = input
      return new Response('no', { status: 403 })
    }) as typeof fetch
    const { signal } = new AbortController()
    const options = { body: { model: 'm', messages: [] }, signal, fetch: refuse }
    const items = relayCompletion({ baseUrl: 'https://models.test/v1/?key=secret', ...options })
    const error = await items.next().catch((thrown) => thrown)
    expect(asked).toBe('https://models.test/v1/chat/completions?key=secret')
    expect(error.cause.message).toContain('The model at https://models.test/v1/chat/completions answered 403.')
    expect(error.cause.message).not.toContain('secret')
    const wrong = relayCompletion({ baseUrl: 'models.test', ...options })
    await expect(wrong.next()).rejects.toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'baseUrl' })
  })

  it('fails when the model cannot be reached', async () => {
    const { baseUrl, close } = await serveModel(() => {})
    close()
    const { signal } = new AbortController()
    const items = relayCompletion({ baseUrl, body: { model: 'm', messages: [] }, signal })
    await expect(items.next()).rejects.toMatchObject({ reason: 'model unavailable', cause: { status: undefined } })
  })

  it('leaves the model when nobody wants more', async () => {
    let left: Promise<void> | undefined
    const { baseUrl, close } = await serveModel((response) => {
      left = new Promise((resolve) => response.on('close', resolve))
      response.writeHead(200, sse).write(delta({ content: 'a' }))
    })
    onTestFinished(close)
    const { signal } = new AbortController()
    for await (const _ of relayCompletion({ baseUrl, body: { model: 'm', messages: [] }, signal })) break
    await left
  })
})
