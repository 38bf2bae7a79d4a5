import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { EventStreamService, HttpStatusError } from '@rivulet/client'
import { expect, it, onTestFinished } from 'vitest'
import { events, type ImportEvent, importPath, importsPath, removePath } from '../shared/events.ts'
import { Accounts } from './accounts.ts'
import { createApp } from './app.ts'

/** Hashing for real would make the tests slow. */
const cost = { N: 2 }

async function start(accounts = new Accounts(cost)) {
  const errors: unknown[] = []
  const { app, manager, close } = createApp({ accounts, onError: (error) => errors.push(error) })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  onTestFinished(async () => {
    await close()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  /** The requests of one browser, with its own cookie. */
  function browser(user = randomUUID()) {
    const headers = { 'Content-Type': 'application/json', cookie: `user=${user}` }

    /** Follows an import to its end, or for a number of events. Starts it if there is a file. */
    async function follow(
      id: string,
      { csv, lastEventId, count = Infinity }: { csv?: string; lastEventId?: string; count?: number } = {},
    ) {
      const starts = csv === undefined ? {} : { body: JSON.stringify({ name: 'test.csv', csv }), idempotent: true }
      const stream = new EventStreamService({ url: origin + importPath(id), events, headers, lastEventId, ...starts })
      const seen: ImportEvent[] = []
      for await (const event of stream.events()) if (seen.push(event) === count) break
      const { state, reason } = stream.state.ended ?? {}
      return { seen, end: reason === undefined ? state : `${state}: ${reason}` }
    }

    const ask = (method: string, path: string) => fetch(origin + path, { method, headers })
    const list = async (): Promise<string[]> => (await ask('GET', importsPath)).json()
    return { follow, ask, list }
  }
  return { manager, errors, origin, browser, ...browser() }
}

const head = 'email,name,password\n'
const rows = (count: number) =>
  head + Array.from({ length: count }, (_, index) => `user${index}@example.com,User ${index},long enough`).join('\n')
const facts = (seen: readonly ImportEvent[]) =>
  seen.map((event) => (event.type === 'row' ? [event.line, event.rejected] : event.type))
/** Events without the mark of those that were stored already when the page came. */
const plain = (seen: readonly ImportEvent[]) => seen.map((event) => ({ ...event, replayed: undefined }))

it('starts an import by a POST and streams the result of each row', async () => {
  const { follow } = await start()
  const csv = `${head}a@example.com,A,long enough\nnobody,B,long enough\n"c@example.com","C, the ""third""",short\n\na@example.com,A,long enough\n`
  const { seen, end } = await follow('one', { csv })
  expect(facts(seen)).toEqual([
    'started',
    [2, undefined],
    [3, 'The e-mail address is not valid.'],
    [4, 'The password has fewer than 8 characters.'],
    [6, 'There is an account with this e-mail address.'],
  ])
  expect(end).toBe('done')
})

it('resumes where a page was, and sends everything to a new page', async () => {
  const { follow } = await start()
  const first = await follow('one', { csv: rows(12), count: 5 })
  const rest = await follow('one', { lastEventId: first.seen.at(-1)!.id })
  const whole = await follow('one')
  expect(plain([...first.seen, ...rest.seen])).toEqual(plain(whole.seen))
  expect(whole.seen).toHaveLength(13)
  expect([rest.end, whole.end]).toEqual(['done', 'done'])
})

it('recognizes a repeated request for the same import', async () => {
  const { follow } = await start()
  const [one, other] = await Promise.all([follow('one', { csv: rows(3) }), follow('one', { csv: rows(3) })])
  expect(plain(one.seen)).toEqual(plain(other.seen))
  expect(facts(one.seen)).toEqual(['started', [2, undefined], [3, undefined], [4, undefined]])
})

it('runs two imports at once, and lists them until they are removed', async () => {
  const { follow, list, ask } = await start()
  const [one, two] = await Promise.all([follow('one', { csv: rows(4) }), follow('two', { csv: rows(6) })])
  expect([one.seen.length, two.seen.length]).toEqual([5, 7])
  expect((await list()).sort()).toEqual(['one', 'two'])
  expect((await ask('POST', removePath('one'))).status).toBe(204)
  expect(await list()).toEqual(['two'])
  expect((await ask('POST', removePath('one'))).status).toBe(404)
})

it('creates an account once, whichever of two imports has it first', async () => {
  const accounts = new Accounts(cost)
  const { follow } = await start(accounts)
  const both = await Promise.all(['one', 'two'].map((id) => follow(id, { csv: rows(20) })))
  expect(accounts.size).toBe(20)
  const accepted = both.flatMap(({ seen }) => seen.filter((event) => event.type === 'row' && !event.rejected))
  expect(accepted).toHaveLength(20)
})

it('cancels an import, for all who follow it', async () => {
  class StuckAccounts extends Accounts {
    override async add(row: { name: string }) {
      if (row.name === 'User 2') await new Promise(() => {})
    }
  }
  const { ask, follow } = await start(new StuckAccounts(cost))
  const { seen } = await follow('one', { csv: rows(5), count: 3 })
  const following = follow('one')
  const cancelled = await ask('DELETE', importPath('one'))
  expect(await cancelled.json()).toMatchObject({ state: 'stopped', reason: 'cancelled' })
  const whole = await following
  expect(whole.end).toBe('stopped: cancelled')
  expect(plain(whole.seen)).toEqual(plain(seen))
  expect((await ask('DELETE', importPath('other'))).status).toBe(404)
})

it('shows nothing of an import to others', async () => {
  const { follow, browser } = await start()
  await follow('one', { csv: rows(3) })
  const other = browser()
  expect(await other.list()).toEqual([])
  for (const options of [{}, { csv: rows(1) }]) {
    expect(await other.follow('one', options).catch((error) => error)).toMatchObject({ status: 403 })
  }
  expect((await other.ask('DELETE', importPath('one'))).status).toBe(403)
  expect((await other.ask('POST', removePath('one'))).status).toBe(404)
})

it('knows a browser again by its cookie', async () => {
  const { origin } = await start()
  const first = await fetch(origin + importsPath)
  const cookie = first.headers.get('set-cookie')!
  expect(cookie).toMatch(/^user=[\da-f-]{36}; .*HttpOnly/)
  const again = await fetch(origin + importsPath, { headers: { cookie: cookie.split(';')[0]! } })
  expect(again.headers.get('set-cookie')).toBeNull()
  const forged = await fetch(origin + importsPath, { headers: { cookie: 'user=1' } })
  expect(forged.headers.get('set-cookie')).toMatch(/^user=/)
})

it('continues when nobody is connected', async () => {
  const { manager, follow } = await start()
  await follow('one', { csv: rows(10), count: 2 })
  await expect.poll(() => manager.connections.size).toBe(0)
  expect((await follow('one')).seen).toHaveLength(11)
})

it('fails without a detail for readers, keeps the rows done so far, and continues other imports', async () => {
  class BrokenAccounts extends Accounts {
    override async add(row: { name: string }) {
      if (row.name === 'User 2') throw new Error('The disk is full.')
    }
  }
  const { follow, errors } = await start(new BrokenAccounts(cost))
  const { seen, end } = await follow('one', { csv: rows(5) })
  expect(facts(seen)).toEqual(['started', [2, undefined], [3, undefined]])
  expect(end).toBe('failed: error')
  expect(errors).toMatchObject([{ message: 'The disk is full.' }])
  expect((await follow('two', { csv: rows(2) })).end).toBe('done')
})

it.each([
  ['an import that it does not know', {}, 404, /^$/],
  ['what is not CSV', { csv: 'email,name,password\n"a' }, 422, /not CSV/],
  ['a file without rows', { csv: head }, 422, /no rows/],
  ['a file without passwords', { csv: 'email,name\na@example.com,A' }, 422, /lacks: password/],
  ['too many rows', { csv: rows(2_001) }, 422, /2001 rows; 2000 are taken/],
  ['too large a file', { csv: 'x'.repeat(3_000_000) }, 413, /larger than 1 MiB/],
])('refuses %s for good, with a reason', async (_, options, status, reason) => {
  const { manager, follow, list } = await start()
  const error = await follow('one', options).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(HttpStatusError)
  expect(error).toMatchObject({ status, body: expect.stringMatching(reason) })
  expect(manager.stats().published).toBe(0)
  expect(await list()).toEqual([])
})
