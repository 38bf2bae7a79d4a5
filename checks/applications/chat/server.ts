import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { relayCompletion } from '@rivulet/ai/openai'
import { SqliteBackplane } from '@rivulet/backplane-sqlite'
import { EventManager, RunManager } from '@rivulet/server'
import { eventHistoryResponse, eventStreamResponse, runStopResponse, runStreamResponse } from '@rivulet/server/web'
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import Database from 'libsql'
import { events } from './events.js'
import { countingModel } from './model.js'

const port = Number(process.env.PORT ?? 3000)
const database = new Database(join(process.env.DATA_DIR ?? '.', 'chat.db'))
const manager = new EventManager({ events, backplane: new SqliteBackplane({ database }), retryMs: 500 })
const runs = new RunManager({ manager, leaseMs: 2_000 })

const app = new Hono()
const userOf = (context: Context) => getCookie(context, 'user')

app.post('/api/login', async (context) => {
  setCookie(context, 'user', (await context.req.json()).name, { httpOnly: true, sameSite: 'Strict' })
  return context.body(null, 204)
})

const routeOf = (user: string | undefined) => ({
  authorize: () => (user ? { context: user, key: user } : { status: 401 }),
  channels: [`user:${user}`],
  replay: 3,
})
app.get('/api/events', (context) => eventStreamResponse(manager, context.req.raw, routeOf(userOf(context))))
app.get('/api/events/history', (context) => eventHistoryResponse(manager, context.req.raw, routeOf(userOf(context))))

app.put('/api/answers/:id', async (context) => {
  const user = userOf(context)
  if (!user) return context.body(null, 401)
  const answer = context.req.param('id')
  const { prompt } = await context.req.json()
  await runs.start(`answer:${answer}`, { key: user }, ({ signal }) =>
    relayCompletion({
      baseUrl: `http://localhost:${port}/model`,
      body: { model: 'counter', messages: [{ role: 'user', content: prompt }] },
      signal,
    }),
  )
  await manager.publish('asked', { answer, prompt }, { channel: `user:${user}`, idempotencyKey: answer })
  return context.body(null, 204)
})

const runOf = (context: Context) => ({
  id: () => `answer:${context.req.param('id')}`,
  authorize: (_request: Request, { run }: { run: { key: string | undefined } | undefined }) =>
    run !== undefined && run.key === userOf(context),
})
app.get('/api/answers/:id', (context) => runStreamResponse(runs, context.req.raw, runOf(context)))
app.delete('/api/answers/:id', (context) =>
  runStopResponse(runs, context.req.raw, { ...runOf(context), reason: 'user' }),
)

app.post('/model/chat/completions', countingModel)
app.use('*', serveStatic({ root: 'dist' }))

serve({ fetch: app.fetch, port }, () => console.log(`Chat: http://localhost:${port}`))
