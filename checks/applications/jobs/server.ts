import { setTimeout as delay } from 'node:timers/promises'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { eventStream, streamControl } from '@rivulet/server-koa'
import Koa, { type Context } from 'koa'
import serve from 'koa-static'
import { channelOf, events, type JobList, jobEvents, listEvents } from './events.js'

const manager = new EventManager({ events, retryMs: 500 })
const list = manager.channel('jobs')
const jobs = new Map<string, JobList['jobs'][number]>()

async function runJob(name: string, total: number): Promise<void> {
  const id = `${jobs.size + 1}`
  jobs.set(id, { id, name, ended: false })
  await list.publish(listEvents['list.added'], { job: id, name })
  const channel = manager.channel(channelOf(id))
  for (let done = 1; done <= total; done++) {
    await channel.publish(jobEvents['job.line'], { text: `${done}` })
    await channel.publish(jobEvents['job.progress'], { done, total })
    await delay(10)
  }
  jobs.set(id, { id, name, ended: true })
  await list.publish(listEvents['list.ended'], { job: id })
}

const route: EventStreamOptions<Context, unknown, typeof events> = {
  channels: (_context, _user, { requested = [] }) => [
    'jobs',
    ...requested.filter((name) => [...jobs.keys()].some((id) => channelOf(id) === name)),
  ],
  replay: 1_000,
  changeable: true,
}
const stream = eventStream(manager, route)
const control = streamControl(manager, route)

const app = new Koa()
app.use((context, next) => {
  if (context.path === '/api/events') return stream(context, next)
  if (context.path === '/api/events/control' && context.method === 'POST') return control(context, next)
  return next()
})
app.use(async (context, next) => {
  if (context.path !== '/api/jobs') return next()
  if (context.method === 'POST') {
    runJob(String(context.query.name), Number(context.query.lines)).catch(console.error)
    context.status = 202
  } else {
    const cursor = await manager.cursor()
    context.set('Cache-Control', 'no-store')
    context.body = { cursor, jobs: [...jobs.values()] } satisfies JobList
  }
})
app.use(serve('dist'))

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`Jobs: http://localhost:${port}`))
