import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ManagerStats } from '@rivulet/server'
import { expect, it, onTestFinished, vi } from 'vitest'
import {
  allows,
  type FunctionName,
  foreignValues,
  givesValue,
  type Manner,
  manners,
} from '../packages/server/test/foreign-values.js'
import { randomFrom } from '../test-support/random.js'

/** `npm run test:long` asks for many more requests. */
const requests = Number(process.env.RIVULET_GUARD_REQUESTS ?? 80)
const seed = Number(process.env.RIVULET_SEED ?? 1)
const maxConnections = 30
const atOnce = 20

/** The functions that each route calls. */
const routes: Readonly<Record<string, readonly FunctionName[]>> = {
  '': ['authorize', 'channels', 'presence', 'snapshot', 'filter'],
  control: ['authorize', 'channels'],
  history: ['authorize', 'channels', 'filter'],
  members: ['authorize', 'channels'],
}

/** Runs a server from the sources in its own process. */
async function start(host: string): Promise<{ child: ChildProcess; url: string; exited: Promise<unknown[]> }> {
  const program = fileURLToPath(new URL('guard-server.ts', import.meta.url))
  const child = fork(program, [host, String(maxConnections)], {
    execArgv: ['--import', 'tsx', '--conditions=@rivulet/source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill())
  const exited = once(child, 'exit')
  const [{ port }] = (await Promise.race([once(child, 'message'), exited])) as [{ port: number }]
  return { child, url: `http://127.0.0.1:${port}/`, exited }
}

async function statsOf(child: ChildProcess): Promise<ManagerStats> {
  child.send('stats')
  const [{ stats }] = (await once(child, 'message')) as [{ stats: ManagerStats }]
  return stats
}

it.each(['node', 'express', 'koa', 'web'])('%s survives whatever the application’s functions do', async (host) => {
  const { child, url, exited } = await start(host)
  const random = randomFrom(seed)
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!

  async function ask(): Promise<void> {
    const route = random() < 0.5 ? '' : pick(Object.keys(routes))
    const name = pick(routes[route]!)
    const manner = pick<Manner>(manners)
    const value = Math.floor(random() * foreignValues(name).length)
    const leaves = random() < 0.15
    const about = `function=${name}&value=${value}&manner=${manner}`
    const signal = leaves ? AbortSignal.timeout(30) : AbortSignal.timeout(20_000)
    try {
      const change = { method: 'POST', body: '{"connectionId":"a","control":"b","channels":["default"]}' }
      const init = { signal, redirect: 'manual', ...(route === 'control' && change) } as const
      const response = await fetch(`${url}${route}?${about}`, init)
      const letIn = name === 'filter' || (givesValue(manner) && allows[name](foreignValues(name)[value]!()))
      const told = `${route}?${about}: ${response.status}`
      // The members route answers for one channel, and no stream is the one to change.
      if (letIn)
        expect({ '': [200], control: [404], history: [200], members: [200, 400] }[route], told).toContain(
          response.status,
        )
      else expect(response.status === 204 || response.status >= 300, told).toBe(true)
      await response.body?.cancel()
    } catch (error) {
      if (!leaves || (error as Error).name !== 'TimeoutError') throw error
    }
  }

  for (let done = 0; done < requests; done += atOnce) await Promise.all(Array.from({ length: atOnce }, ask))
  await vi.waitFor(async () => expect(await statsOf(child)).toMatchObject({ connections: 0, cohorts: 0 }), 5_000)

  // Every place within the limits is free again, and there are not too many.
  const left = new AbortController()
  const statuses: number[] = []
  for (let stream = 0; stream <= maxConnections; stream++) {
    const response = await fetch(url, { signal: left.signal })
    statuses.push(response.status)
  }
  expect(statuses).toEqual([...Array.from({ length: maxConnections }, () => 200), 503])
  child.send('close')
  expect(await exited).toEqual([0, null])
  left.abort()
})
