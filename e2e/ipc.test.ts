import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { bundled } from '../test-support/bundled.js'
import { endProcess } from '../test-support/end-process.js'
import { freePort } from '../test-support/free-port.js'
import { randomFrom } from '../test-support/random.js'

/** `npm run test:long` plays many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)

const events = defineEvents({ count: z.object({ n: z.number() }) })
const late = () => new Promise<'late'>((resolve) => setTimeout(resolve, 20, 'late'))
const program = new URL('ipc-process.ts', import.meta.url)

/** A process that is started again on the same port and socket. */
class Node {
  readonly role: 'primary' | 'worker'
  readonly path: string
  readonly port: number
  child: ChildProcess | undefined
  /** It has not answered to the last event. */
  busy = false

  constructor(role: 'primary' | 'worker', path: string, port: number) {
    this.role = role
    this.path = path
    this.port = port
  }

  async start(): Promise<void> {
    this.child = fork(await bundled(program), [this.role, this.path, String(this.port)], { execArgv: [] })
    // Each event that waits for an answer listens.
    this.child.setMaxListeners(0)
    await once(this.child, 'message')
  }

  /** @returns True if the event is certain to be stored. */
  async publish(n: number): Promise<boolean> {
    const { child } = this
    if (!child?.connected) return false
    child.send(n, () => {})
    this.busy = true
    return new Promise((resolve) => {
      const done = (stored: boolean) => {
        child.off('message', onMessage)
        child.off('exit', onExit)
        this.busy = false
        resolve(stored)
      }
      const onMessage = (answer: { n: number; stored: boolean }) => answer.n === n && done(answer.stored)
      const onExit = () => done(false)
      child.on('message', onMessage)
      child.on('exit', onExit)
    })
  }
}

interface Scene {
  readonly primary: Node
  readonly worker: Node
  /** Resolves when so many more events are stored. */
  stored(count: number): Promise<void>
}

async function crash(node: Node): Promise<void> {
  await endProcess(node.child, 'SIGKILL')
  await node.start()
}

const faults: Record<string, (scene: Scene) => Promise<void>> = {
  'the serving process is killed and comes back': ({ primary }) => crash(primary),
  'a worker is killed and comes back': ({ worker }) => crash(worker),
  'a worker stands still': async ({ worker, stored }) => {
    worker.child!.kill('SIGSTOP')
    await stored(300)
    worker.child!.kill('SIGCONT')
  },
}

it.each(
  Object.keys(faults).flatMap((fault) =>
    Array.from({ length: seeds }, (_, index) => ({ fault, seed: firstSeed + index })),
  ),
)('loses nothing in silence while $fault (seed $seed)', { timeout: 120_000 }, async ({ fault, seed }) => {
  const random = randomFrom(seed)
  const oneOf = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const folder = await mkdtemp(join(tmpdir(), 'rivulet-'))
  const path = join(folder, 'backplane')
  const primary = new Node('primary', path, await freePort())
  const workers = [new Node('worker', path, await freePort()), new Node('worker', path, await freePort())]
  const nodes = [primary, ...workers]
  onTestFinished(async () => {
    for (const { child } of nodes) await endProcess(child, 'SIGKILL')
    await rm(folder, { recursive: true })
  })
  await Promise.all(nodes.map((node) => node.start()))

  const clients = nodes.map(({ port }) => {
    const items: (number | 'gap')[] = []
    const stream = new EventStreamService({
      events,
      url: `http://127.0.0.1:${port}/`,
      retry: { initialMs: 20, maxMs: 200 },
    })
    stream.on('count', ({ n }) => void items.push(n))
    stream.onGap(() => void items.push('gap'))
    stream.onError(() => {})
    stream.connect()
    onTestFinished(() => stream.close())
    return { items, stream }
  })
  await vi.waitFor(
    () => expect(clients.map(({ stream }) => stream.state.status)).toEqual(['open', 'open', 'open']),
    20_000,
  )

  // One event after the other, so that the order of those that are certain to be stored is known.
  const stored: number[] = []
  let n = 0
  let going = true
  const publishing = (async () => {
    while (going) {
      const attempt = ++n
      const idle = nodes.filter(({ busy }) => !busy)
      // A process that stands still may store it much later: the next event does not wait for that.
      const answer = await Promise.race([idle.length > 0 ? oneOf(idle).publish(attempt) : late(), late()])
      if (answer === true) stored.push(attempt)
    }
  })()
  const scene = (): Scene => ({
    primary,
    worker: oneOf(workers),
    stored: (count) => {
      const from = stored.length
      return vi.waitFor(() => expect(stored.length).toBeGreaterThan(from + count), 60_000)
    },
  })
  for (let round = 0; round < 3; round++) {
    const now = scene()
    await now.stored(20 + Math.floor(random() * 50))
    await faults[fault]!(now)
  }
  going = false
  await publishing
  await vi.waitFor(async () => expect(await primary.publish(++n)).toBe(true), 20_000)
  await vi.waitFor(() => expect(clients.every(({ items }) => items.includes(n))).toBe(true), 30_000)

  for (const { items } of clients) {
    const numbers = items.filter((item) => item !== 'gap')
    expect(new Set(numbers).size, 'each once').toBe(numbers.length)
    let next = stored.findIndex((one) => items.includes(one))
    let gap = false
    for (const item of items) {
      if (item === 'gap') gap = true
      const index = stored.indexOf(item as number)
      if (index < 0) continue
      expect(index, `${item} in order`).toBeGreaterThanOrEqual(next)
      if (!gap) expect(stored.slice(next, index), `before ${item}`).toEqual([])
      next = index + 1
      gap = false
    }
  }
})
