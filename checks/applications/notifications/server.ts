import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { eventStream, streamControl } from '@rivulet/server-express'
import express, { type Request } from 'express'
import { events } from './events.js'

interface User {
  name: string
  teams: string[]
}
const users = new Map<string, User>([
  ['ada', { name: 'ada', teams: ['red', 'blue'] }],
  ['bob', { name: 'bob', teams: ['blue'] }],
])
const userOf = (request: Request) => users.get(/\buser=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')

const manager = new EventManager<typeof events, User>({ events, retention: { maxEvents: 500 }, retryMs: 500 })
const app = express().use(express.json(), express.static('dist'))

app.post('/api/login', (request, response) => {
  const user = users.get(request.body.name)
  if (user) response.cookie('user', user.name, { httpOnly: true, sameSite: 'strict' }).json(user)
  else response.sendStatus(401)
})

app.use('/api', (request, response, next) => {
  if (userOf(request)) next()
  else response.sendStatus(401)
})

app.get('/api/me', (request, response) => response.json(userOf(request)))

app.post('/api/notify', async (request, response) => {
  const { channel, text } = request.body
  await manager.channel(channel).publish('notification', { text })
  response.sendStatus(204)
})

app.post('/api/read', async (request, response) => {
  await manager.channel(`user:${userOf(request)!.name}`).publish('read', { upTo: request.body.upTo })
  response.sendStatus(204)
})

const route: EventStreamOptions<Request, User, typeof events> = {
  authorize: (request) => {
    const user = userOf(request)
    return user ? { context: user, key: user.name } : { status: 401 }
  },
  channels: (_request, { name, teams }, { requested = [] }) => {
    const allowed = teams.map((team) => `team:${team}`)
    return [`user:${name}`, ...requested.filter((channel) => allowed.includes(channel))]
  },
  replay: 100,
  changeable: true,
}
app.get('/events', eventStream(manager, route))
app.post('/events/control', streamControl(manager, route))

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`Notifications: http://localhost:${port}`))
