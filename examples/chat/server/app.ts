import { randomUUID } from 'node:crypto'
import { EventManager, TooManyRunsError } from '@rivulet/server'
import { eventStream, runStop, runStream } from '@rivulet/server-express'
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express'
import { type Conversation, events, promptSchema, retrySchema } from '../shared/contract.js'
import { Answers, type Model } from './answers.js'
import { Conversations } from './conversations.js'

export interface ChatOptions {
  readonly model: Model
  /** Folder of the conversations. */
  readonly dataFolder: string
  readonly webRoot?: string
}

export interface Chat {
  readonly app: Express
  close(options: { graceMs: number }): Promise<void>
}

const titleLength = 60

export async function createChat({ model, dataFolder, webRoot }: ChatOptions): Promise<Chat> {
  const conversations = new Conversations(dataFolder)
  await conversations.load()
  const manager = new EventManager({ events, onError: (error) => console.error(error) })
  const answers = new Answers(manager, conversations, model)
  const app = express().disable('x-powered-by').use(express.json(), identify)

  app.get('/api/events/stream', eventStream(manager, { channels: (request) => [`user:${userOf(request)}`] }))

  app.get('/api/conversations', (request, response) => void response.json(conversations.list(userOf(request))))

  app.get('/api/conversations/:id', (request, response) => {
    const conversation = conversations.get(userOf(request), request.params.id)
    if (conversation) response.json(conversation)
    else response.sendStatus(404)
  })

  app.delete('/api/conversations/:id', async (request, response) => {
    const [userId, { id }] = [userOf(request), request.params]
    for (const message of conversations.get(userId, id)?.messages ?? []) {
      if (message.role === 'assistant') await answers.runs.forget(message.id)
    }
    await conversations.delete(userId, id)
    await answers.announce(userId, id)
    response.sendStatus(204)
  })

  app.post('/api/conversations/:id/messages', async (request, response) => {
    const { id, answerId, text } = promptSchema.parse(request.body)
    const [userId, conversationId] = [userOf(request), request.params.id]
    const title = text.length > titleLength ? `${text.slice(0, titleLength).trimEnd()}…` : text
    const started: Conversation = { id: conversationId, title, updatedAt: Date.now(), messages: [] }
    const conversation = conversations.get(userId, conversationId) ?? started
    const { messages } = conversation
    // Sent again: the first one was taken.
    if (messages.some((message) => message.id === id)) return void response.json(conversation)
    if (messages.at(-1)?.state === 'running')
      return void response.status(409).json({ error: 'An answer is under way.' })
    const asked = { ...conversation, messages: [...messages, { id, role: 'user', text, state: 'done' } as const] }
    response.status(201).json(await answers.start(userId, asked, answerId))
  })

  app.post('/api/conversations/:id/retry', async (request, response) => {
    const { answerId } = retrySchema.parse(request.body)
    const userId = userOf(request)
    const conversation = conversations.get(userId, request.params.id)
    const last = conversation?.messages.at(-1)
    if (!conversation || !last) return void response.sendStatus(404)
    if (last.id === answerId) return void response.json(conversation)
    if (last.role !== 'assistant' || last.state === 'running') return void response.sendStatus(409)
    const asked = { ...conversation, messages: conversation.messages.slice(0, -1) }
    response.status(201).json(await answers.start(userId, asked, answerId))
  })

  const answer = {
    id: (request: Request) => String(request.params.id),
    authorize: (request: Request, { run }: { run: { key: string | undefined } | undefined }) =>
      run === undefined || run.key === userOf(request),
  }
  app.get('/api/answers/:id', runStream(answers.runs, answer))
  app.delete('/api/answers/:id', runStop(answers.runs, { ...answer, reason: 'user' }))

  if (webRoot) app.use(express.static(webRoot))
  app.use(handleError)

  return {
    app,
    async close({ graceMs }) {
      await answers.close({ graceMs })
      await manager.close({ graceMs })
    },
  }
}

/** Gives each browser a user of its own. A real application has a login here. */
const identify: RequestHandler = (request, response, next) => {
  const known = /(?:^|; )user=([0-9a-f-]{36})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1]
  response.locals.userId = known ?? randomUUID()
  if (!known)
    response.cookie('user', response.locals.userId, { httpOnly: true, sameSite: 'lax', maxAge: 31_536_000_000 })
  next()
}

function userOf({ res }: Request): string {
  return res!.locals.userId
}

const handleError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error)
  if (error instanceof TooManyRunsError)
    return void response.status(429).json({ error: 'Too many answers are under way.' })
  const isInvalid = error?.name === 'ZodError' || error instanceof RangeError
  // Express gives a status to the errors of its own, such as that of a body that is too large.
  const status = isInvalid ? 400 : (error?.status ?? 500)
  if (status >= 500) console.error(error)
  response.status(status).json({ error: status < 500 ? 'The request makes no sense.' : 'Something went wrong.' })
}
