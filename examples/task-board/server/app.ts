import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { migrate, PostgresBackplane } from '@rivulet/backplane-postgres'
import { EventManager } from '@rivulet/server'
import { eventStream } from '@rivulet/server-express'
import express, { type ErrorRequestHandler, type Express } from 'express'
import type { Pool } from 'pg'
import { z } from 'zod'
import { changeSchema, channelOf, events, newCardSchema, streamPath } from '../shared/board.js'
import { Boards } from './boards.js'
import { renderPage } from './render-page.js'

export interface TaskBoardOptions {
  readonly pool: Pool
  /** Folder of the page. */
  readonly webRoot: string
  /** The number of events that a board keeps for pages that come back. A page that was away for longer refetches it. */
  readonly keptEvents?: number
}

export interface TaskBoard {
  readonly app: Express
  readonly boards: Boards
  close(options: { graceMs: number }): Promise<void>
}

export async function createTaskBoard({ pool, webRoot, keptEvents = 1_000 }: TaskBoardOptions): Promise<TaskBoard> {
  await migrate(pool)
  const backplane = new PostgresBackplane({ client: pool, retention: { maxEvents: keptEvents } })
  const manager = new EventManager({ events, backplane, onError: (error) => console.error(error) })
  const boards = new Boards(pool, manager)
  await boards.prepare()
  const app = express().disable('x-powered-by').use(express.json())

  app.get('/', async (_request, response) => {
    const [first] = await boards.read()
    response.redirect(`/boards/${first!.id}`)
  })

  app.get('/boards/:id', async (request, response) => {
    const [all, template] = await Promise.all([boards.read(), readFile(join(webRoot, 'index.html'), 'utf8')])
    if (!all.some(({ id }) => id === request.params.id))
      return void response.status(404).send('There is no such board.')
    response.set('Cache-Control', 'no-store').send(renderPage(template, { boards: all, shown: request.params.id }))
  })

  app.get('/api/boards/:id', async (request, response) => {
    const board = (await boards.read()).find(({ id }) => id === request.params.id)
    if (board) response.set('Cache-Control', 'no-store').json(board)
    else response.sendStatus(404)
  })

  app.post('/api/boards/:id/cards', async (request, response) => {
    const found = await boards.add(request.params.id, newCardSchema.parse(request.body))
    response.sendStatus(found ? 201 : 404)
  })

  app.patch('/api/boards/:id/cards/:card', async (request, response) => {
    const { id, card } = request.params
    const found = await boards.edit(id, z.uuid().parse(card), changeSchema.parse(request.body))
    response.sendStatus(found ? 204 : 404)
  })

  app.delete('/api/boards/:id/cards/:card', async (request, response) => {
    const { id, card } = request.params
    const found = await boards.remove(id, z.uuid().parse(card))
    response.sendStatus(found ? 204 : 404)
  })

  // Everybody may see every board. A real application asks `authorize` who somebody is, and gives the channels of their boards.
  app.get(
    streamPath,
    eventStream(manager, { channels: async () => (await boards.read()).map(({ id }) => channelOf(id)) }),
  )

  app.use(express.static(webRoot, { index: false }))
  app.use(handleError)

  return {
    app,
    boards,
    async close({ graceMs }) {
      await manager.close({ graceMs })
      backplane.close()
    },
  }
}

const handleError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error)
  const isInput = error?.name === 'ZodError' || error?.status === 400
  const isMissing = error?.code === 'ENOENT'
  if (!isInput && !isMissing) console.error(error)
  if (isMissing) response.status(503).send('The page is not built yet: run "npm run build".')
  else
    response
      .status(isInput ? 400 : 500)
      .json({ error: isInput ? 'The request makes no sense.' : 'Something went wrong.' })
}
