import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { EventStreamService } from '@rivulet/client'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Board, type Card, columns, events, streamPath } from '../shared/board.js'
import type { PageState } from '../web/client.js'
import { createTaskBoard, type TaskBoard } from './app.js'
import { findPostgres, startPostgres, type TemporaryPostgres } from './temporary-postgres.js'

describe.skipIf(!findPostgres())('the task board', () => {
  let postgres: TemporaryPostgres
  let pool: Pool
  let taskBoard: TaskBoard
  let server: Server
  let url: string

  beforeAll(async () => {
    postgres = await startPostgres()
    pool = new Pool({ connectionString: postgres.url })
    const webRoot = fileURLToPath(new URL('../web', import.meta.url))
    taskBoard = await createTaskBoard({ pool, webRoot })
    server = createServer(taskBoard.app).listen(0)
    await once(server, 'listening')
    url = `http://localhost:${(server.address() as AddressInfo).port}`
  })

  afterAll(async () => {
    await taskBoard?.close({ graceMs: 0 })
    server?.close()
    await pool?.end()
    await postgres?.stop()
  })

  async function send(method: string, path: string, body?: object): Promise<number> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url + path, { method, ...(body && { headers, body: JSON.stringify(body) }) })
    return response.status
  }

  const add = async (title: string, board = 'website') => {
    const id = randomUUID()
    expect(await send('POST', `/api/boards/${board}/cards`, { id, title, column: 'todo' })).toBe(201)
    return id
  }

  async function boardOf(id: string): Promise<Board> {
    return (await fetch(`${url}/api/boards/${id}`)).json()
  }

  /** The page as a browser gets it: its HTML, and the data with which it goes on. */
  async function openPage(): Promise<{ html: string; state: PageState }> {
    const html = await (await fetch(`${url}/boards/website`)).text()
    return { html, state: JSON.parse(/id="state">(.*)<\/script>/.exec(html)![1]!) }
  }

  /** The events that a page gets which begins at a cursor. */
  function follow(cursor: string): {
    cards: Card[]
    deleted: string[]
    gaps: unknown[]
    until(id: string): Promise<void>
  } {
    const stream = new EventStreamService({ url: url + streamPath, events, lastEventId: cursor })
    onTestFinished(() => stream.close())
    const cards: Card[] = []
    const deleted: string[] = []
    const gaps: unknown[] = []
    stream.on(events.card_saved, ({ card }) => void cards.push(card))
    stream.on(events.card_deleted, ({ card }) => void deleted.push(card))
    stream.onGap((gap) => void gaps.push(gap))
    stream.connect()
    const until = (id: string) =>
      expect.poll(() => cards.some((card) => card.id === id), { timeout: 20_000 }).toBe(true)
    return { cards, deleted, gaps, until }
  }

  it('renders the boards into the page', async () => {
    const { html, state } = await openPage()
    expect(html).toContain('Dark theme for the docs')
    expect(html).toContain('In progress')
    expect(state.boards.map(({ id }) => id)).toEqual(['website', 'workshop'])
    expect(state.boards[1]!.cursor).toBe(state.boards[0]!.cursor)
  })

  it('keeps text that looks like HTML harmless', async () => {
    const id = await add('</script><script>alert(1)</script>')
    const { html, state } = await openPage()
    expect(html).not.toContain('<script>alert(1)')
    expect(state.boards[0]!.cards.find((card) => card.id === id)!.title).toBe('</script><script>alert(1)</script>')
    await send('DELETE', `/api/boards/website/cards/${id}`)
  })

  it('adds, renames, moves and deletes cards', async () => {
    const [first, second] = [await add('First'), await add('Second')]
    const path = (id: string) => `/api/boards/website/cards/${id}`
    expect(await send('PATCH', path(first), { title: 'Renamed' })).toBe(204)
    expect(await send('PATCH', path(first), { column: 'done', before: null })).toBe(204)
    expect(await send('PATCH', path(second), { column: 'done', before: first })).toBe(204)
    const done = (await boardOf('website')).cards.filter(({ column }) => column === 'done')
    expect(done.slice(-2).map(({ title }) => title)).toEqual(['Second', 'Renamed'])
    expect([await send('DELETE', path(first)), await send('DELETE', path(second))]).toEqual([204, 204])
    expect(await send('DELETE', path(first))).toBe(404)
  })

  it('refuses what makes no sense', async () => {
    const id = await add('Stays')
    expect(await send('PATCH', `/api/boards/website/cards/${id}`, { title: ' ' })).toBe(400)
    expect(await send('PATCH', `/api/boards/website/cards/${id}`, { column: 'attic', before: null })).toBe(400)
    expect(await send('PATCH', '/api/boards/website/cards/7', { title: 'x' })).toBe(400)
    expect(await send('POST', '/api/boards/none/cards', { id: randomUUID(), title: 'x', column: 'todo' })).toBe(404)
    expect(await send('GET', '/boards/none')).toBe(404)
  })

  it('keeps the order when no number is left between two cards', async () => {
    const [before, after] = [await add('Before'), await add('After')]
    const moved: string[] = []
    for (let n = 0; n < 60; n++) {
      const id = await add(`Between ${n}`)
      moved.push(id)
      await send('PATCH', `/api/boards/website/cards/${id}`, { column: 'todo', before: after })
    }
    const ids = (await boardOf('website')).cards.filter(({ column }) => column === 'todo').map(({ id }) => id)
    expect(ids.slice(ids.indexOf(before))).toEqual([before, ...moved, after])
  })

  it('publishes nothing of a change that is rolled back', async () => {
    const { state } = await openPage()
    const page = follow(state.boards[0]!.cursor)
    const id = randomUUID()
    const card = [id, 'website', 'Never', 'todo', 1]
    await expect(
      taskBoard.boards.change('website', async (client) => {
        await client.query('INSERT INTO cards (id, board, title, "column", rank) VALUES ($1, $2, $3, $4, $5)', card)
        await taskBoard.boards.publish(client, 'website', { id, title: 'Never', column: 'todo', rank: 1 })
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    const last = await add('Last')
    await page.until(last)
    expect(page.cards.map(({ title }) => title)).toEqual(['Last'])
    expect((await boardOf('website')).cards.some((card) => card.id === id)).toBe(false)
  })

  it('has committed a change when its event arrives', async () => {
    const { state } = await openPage()
    const stream = new EventStreamService({ url: url + streamPath, events, lastEventId: state.boards[0]!.cursor })
    onTestFinished(() => stream.close())
    const seen: Promise<boolean>[] = []
    stream.on(events.card_saved, ({ card }) => {
      seen.push(pool.query('SELECT FROM cards WHERE id = $1', [card.id]).then(({ rowCount }) => rowCount === 1))
    })
    stream.connect()
    for (let n = 0; n < 20; n++) await add(`Seen ${n}`)
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(20)
    expect(new Set(await Promise.all(seen))).toEqual(new Set([true]))
  })

  it('renders pages under concurrent changes that go on exactly where they were', { timeout: 120_000 }, async () => {
    let isOver = false
    const writers = ['website', 'workshop', 'website'].map(async (board) => {
      while (!isOver) {
        const id = await add('Concurrent', board)
        await send('PATCH', `/api/boards/${board}/cards/${id}`, { column: columns[2], before: null })
      }
    })
    const pages: { state: PageState; page: ReturnType<typeof follow> }[] = []
    for (let n = 0; n < 15; n++) {
      const { state } = await openPage()
      pages.push({ state, page: follow(state.boards[0]!.cursor) })
    }
    isOver = true
    await Promise.all(writers)
    const last = await add('The end')
    const boards = await Promise.all(['website', 'workshop'].map(boardOf))
    const final = boards.flatMap(({ cards }) => cards)
    for (const { state, page } of pages) {
      await page.until(last)
      const rendered = state.boards.flatMap(({ cards }) => cards)
      // A card comes twice, as new and as moved: the page lacked both, one, or none of the changes.
      const expected = final.flatMap(({ id, column }) => {
        const had = rendered.find((card) => card.id === id)
        if (had) return had.column === column ? [] : [id]
        return column === 'done' ? [id, id] : [id]
      })
      expect(page.cards.map(({ id }) => id).sort()).toEqual(expected.sort())
      expect(page.gaps).toEqual([])
    }
    expect(pages.some(({ page }) => page.cards.length > 1)).toBe(true)
  })
})
