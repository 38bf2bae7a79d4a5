import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EventStreamService } from '@rivulet/client'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type Conversation, events } from '../shared/contract.js'
import { createChat } from './app.js'
import { createDemoModel } from './demo-model.js'

async function listen(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler!).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function start({ wordMs = 1, folder }: { wordMs?: number; folder?: string } = {}) {
  const dataFolder = folder ?? (await mkdtemp(join(tmpdir(), 'rivulet-chat-')))
  if (!folder) onTestFinished(() => rm(dataFolder, { recursive: true, force: true }))
  const baseUrl = `${await listen(createDemoModel({ wordMs }))}/v1`
  const chat = await createChat({ model: { baseUrl, apiKey: undefined, name: 'demo' }, dataFolder })
  onTestFinished(() => chat.close({ graceMs: 0 }))
  return { url: await listen(chat.app), dataFolder }
}

function userOf(url: string, user = randomUUID()) {
  const headers = { cookie: `user=${user}`, 'content-type': 'application/json' }
  const ask = (method: string, path: string, body?: object) =>
    fetch(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  const id = randomUUID()
  const prompt = (text: string) => ({ id: randomUUID(), answerId: randomUUID(), text })
  const send = (sent: object) => ask('POST', `/api/conversations/${id}/messages`, sent)
  const conversation = async (): Promise<Conversation> => (await ask('GET', `/api/conversations/${id}`)).json()
  const settled = () =>
    vi.waitFor(
      async () => {
        const last = (await conversation()).messages.at(-1)!
        expect(last.state).not.toBe('running')
        return last
      },
      { timeout: 10_000 },
    )
  async function read(answerId: string): Promise<string> {
    const stream = new EventStreamService({ url: `${url}/api/answers/${answerId}`, headers, events })
    let text = ''
    for await (const event of stream.events()) if (event.type === 'completion_text') text += event.text
    return text
  }
  return { user, id, ask, prompt, send, conversation, settled, read }
}

it('answers a prompt once, however often it is sent, and keeps the answer', async () => {
  const { url } = await start()
  const { prompt, send, settled, read, ask, id } = userOf(url)
  const sent = prompt('hello there')
  expect((await send(sent)).status).toBe(201)
  expect((await send(sent)).status).toBe(200)
  const text = await read(sent.answerId)
  expect(text).toContain('hello there')
  expect(await settled()).toEqual({ id: sent.answerId, role: 'assistant', text, state: 'done' })
  expect(await (await ask('GET', '/api/conversations')).json()).toMatchObject([
    { id, title: 'hello there', running: false },
  ])
})

it('shows none of it to others', async () => {
  const { url } = await start()
  const owner = userOf(url)
  const sent = owner.prompt('secret')
  await owner.send(sent)
  const other = userOf(url)
  expect((await other.ask('GET', `/api/answers/${sent.answerId}`)).status).toBe(403)
  expect((await other.ask('DELETE', `/api/answers/${sent.answerId}`)).status).toBe(403)
  expect((await other.ask('GET', `/api/conversations/${owner.id}`)).status).toBe(404)
  expect((await other.ask('POST', `/api/conversations/${owner.id}/messages`, other.prompt('mine'))).status).toBe(400)
  expect(await (await other.ask('GET', '/api/conversations')).json()).toEqual([])
  expect((await owner.settled()).state).toBe('done')
})

it('stops an answer, and retries one that failed', async () => {
  const { url } = await start({ wordMs: 20 })
  const { prompt, send, settled, ask, id, conversation } = userOf(url)
  const sent = prompt('hello')
  await send(sent)
  expect((await ask('DELETE', `/api/answers/${sent.answerId}`)).status).toBe(200)
  expect(await settled()).toMatchObject({ state: 'stopped', reason: 'user' })
  await send(prompt('please fail'))
  expect(await settled()).toMatchObject({ state: 'failed', reason: 'model failed' })
  const again = { answerId: randomUUID() }
  expect((await ask('POST', `/api/conversations/${id}/retry`, again)).status).toBe(201)
  expect((await conversation()).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
  expect(await settled()).toMatchObject({ id: again.answerId, state: 'failed' })
})

it('keeps no prompt that it cannot answer, so that it can be sent again', async () => {
  const { url } = await start({ wordMs: 20 })
  const { ask, prompt, send, settled, conversation } = userOf(url)
  await send(prompt('please fail'))
  const failed = await settled()
  const others = [1, 2, 3, 4].map(() => `/api/conversations/${randomUUID()}`)
  const running = others.map(() => prompt('hello'))
  for (const [index, path] of others.entries()) await ask('POST', `${path}/messages`, running[index])
  const fresh = randomUUID()
  expect((await ask('POST', `/api/conversations/${fresh}/messages`, prompt('one more'))).status).toBe(429)
  expect((await ask('GET', `/api/conversations/${fresh}`)).status).toBe(404)
  expect((await send(prompt('one more'))).status).toBe(429)
  expect((await conversation()).messages.map(({ text }) => text)).toEqual(['please fail', failed.text])
  await ask('DELETE', `/api/answers/${running[0]!.answerId}`)
  expect((await send(prompt('one more'))).status).toBe(201)
})

it('refuses what is no prompt, however large it is', async () => {
  const { url } = await start()
  const { send, prompt, id } = userOf(url)
  expect((await send({ ...prompt('x'), id: 'none' })).status).toBe(400)
  expect((await send({ ...prompt('x'), text: 'x'.repeat(200_000) })).status).toBe(413)
  const malformed = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }
  expect((await fetch(`${url}/api/conversations/${id}/messages`, malformed)).status).toBe(400)
})

it('marks an answer as lost if its server died', async () => {
  const first = await start({ wordMs: 50 })
  const one = userOf(first.url)
  await one.send(one.prompt('hello'))
  const second = await start({ folder: first.dataFolder })
  const response = await fetch(`${second.url}/api/conversations/${one.id}`, { headers: { cookie: `user=${one.user}` } })
  expect(((await response.json()) as Conversation).messages.at(-1)).toMatchObject({
    state: 'failed',
    reason: 'producer lost',
  })
})

it.each([{}, { id: 'x', answerId: randomUUID(), text: 'a' }, { id: randomUUID(), answerId: randomUUID(), text: ' ' }])(
  'refuses an invalid prompt: %j',
  async (body) => {
    const { url } = await start()
    expect((await userOf(url).send(body)).status).toBe(400)
  },
)
