import { createServer, type ServerResponse } from 'node:http'
import { EventStreamService } from '@rivulet/client'
import type { EndState } from '@rivulet/core'
import { handleRunStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished } from 'vitest'
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
    ['ends before [DONE]', (r) => r.writeHead(200, sse).end(delta({ content: 'a' }, 'stop')), 'model cut off', {}],
    ['breaks off', (r) => r.writeHead(200, sse).write(delta({ content: 'a' }), () => r.destroy()), 'model cut off', {}],
  ])('fails when the model %s', async (_, model, reason, cause) => {
    const { outputs, error } = await relay(model)
    expect(error).toMatchObject({ code: 'RIVULET_RUN_FAILED', reason, cause: { code: 'RIVULET_COMPLETION', ...cause } })
    expect(JSON.stringify(error?.reason)).not.toContain('sk-1')
    if (outputs.length > 0) expect(outputs[0]).toEqual({ type: 'completion_text', payload: { text: 'a' } })
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
