import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { EventStreamService, HttpStatusError } from '@rivulet/client'
import { expect, it, onTestFinished } from 'vitest'
import { events, type ImportEvent, importPath, streamPath } from '../shared/events.ts'
import { Accounts } from './accounts.ts'
import { createApp } from './app.ts'

async function start(accounts = new Accounts()) {
  const { app, manager, close } = createApp(accounts)
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  onTestFinished(async () => {
    await close()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  /** Follows an import to its end, or for a number of events. Starts it if there is a file. */
  async function follow(
    id: string,
    { csv, lastEventId, count = Infinity }: { csv?: string; lastEventId?: string; count?: number } = {},
  ) {
    const stream = new EventStreamService({
      url: origin + streamPath(id),
      events,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'test.csv', csv }),
      lastEventId,
    })
    const seen: ImportEvent[] = []
    for await (const event of stream.events()) {
      seen.push(event)
      if (event.type === 'finished' || seen.length === count) break
    }
    return seen
  }
  return { manager, origin, follow }
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
  const seen = await follow('one', { csv })
  expect(facts(seen)).toEqual([
    'started',
    [2, undefined],
    [3, 'The e-mail address is not valid.'],
    [4, 'The password has fewer than 8 characters.'],
    [6, 'There is an account with this e-mail address.'],
    'finished',
  ])
  expect(seen.at(-1)).toMatchObject({ outcome: 'completed' })
})

it('resumes where a page was, and sends everything to a new page', async () => {
  const { follow } = await start()
  const first = await follow('one', { csv: rows(12), count: 5 })
  const rest = await follow('one', { lastEventId: first.at(-1)!.id })
  const whole = await follow('one')
  expect(plain([...first, ...rest])).toEqual(plain(whole))
  expect(whole).toHaveLength(14)
})

it('recognizes a repeated request for the same import', async () => {
  const { follow } = await start()
  const [one, other] = await Promise.all([follow('one', { csv: rows(3) }), follow('one', { csv: rows(3) })])
  expect(plain(one!)).toEqual(plain(other!))
  expect(one.filter(({ type }) => type === 'started')).toHaveLength(1)
})

it('keeps two imports apart', async () => {
  const { follow } = await start()
  const [one, two] = await Promise.all([follow('one', { csv: rows(4) }), follow('two', { csv: rows(6) })])
  expect([one.length, two.length]).toEqual([6, 8])
})

it('cancels after the current row', async () => {
  const { origin, follow } = await start()
  await follow('one', { csv: rows(500), count: 3 })
  expect((await fetch(origin + importPath('one'), { method: 'DELETE' })).status).toBe(204)
  const whole = await follow('one')
  expect(whole.at(-1)).toMatchObject({ type: 'finished', outcome: 'cancelled' })
  expect(whole.length).toBeLessThan(100)
  expect((await fetch(origin + importPath('one'), { method: 'DELETE' })).status).toBe(404)
})

it('continues when nobody is connected', async () => {
  const { manager, follow } = await start()
  await follow('one', { csv: rows(10), count: 2 })
  await expect.poll(() => manager.connections.size).toBe(0)
  expect(await follow('one')).toHaveLength(12)
})

it('fails with the cause, keeps the rows done so far, and continues other imports', async () => {
  class BrokenAccounts extends Accounts {
    override async add(row: { name: string }) {
      if (row.name === 'User 2') throw new Error('The disk is full.')
    }
  }
  const { follow } = await start(new BrokenAccounts())
  const seen = await follow('one', { csv: rows(5) })
  expect(facts(seen)).toEqual(['started', [2, undefined], [3, undefined], 'finished'])
  expect(seen.at(-1)).toMatchObject({ outcome: 'failed', error: 'The disk is full.' })
  expect((await follow('two', { csv: rows(2) })).at(-1)).toMatchObject({ outcome: 'completed' })
})

it.each([
  ['an import that it does not know', {}, 404, /not known/],
  ['what is not CSV', { csv: 'email,name,password\n"a' }, 422, /not CSV/],
  ['a file without rows', { csv: head }, 422, /no rows/],
  ['a file without passwords', { csv: 'email,name\na@example.com,A' }, 422, /lacks: password/],
  ['too many rows', { csv: rows(2_001) }, 422, /2001 rows; 2000 are taken/],
  ['too large a file', { csv: 'x'.repeat(3_000_000) }, 413, /larger than 1 MB/],
])('refuses %s for good, with a reason', async (_, options, status, reason) => {
  const { manager, follow } = await start()
  const error = await follow('one', options).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(HttpStatusError)
  expect(error).toMatchObject({ status, body: expect.stringMatching(reason) })
  expect(manager.stats().published).toBe(0)
})
