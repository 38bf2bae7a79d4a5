import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { describe, it, type TestContext } from 'vitest'
import { z } from 'zod'
import { bundled } from '../../../test-support/bundled.js'
import { endProcess } from '../../../test-support/end-process.js'
import { freePort } from '../../../test-support/free-port.js'
import { randomFrom } from '../../../test-support/random.js'
import { open, TemporaryFolder } from '../test/drivers.js'
import { SqliteBackplane } from './index.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 3)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const [clients, publishers, kills] = [6, 4, 3]
const patienceMs = 30_000

/** A server process on one file and one port. */
class Server {
  readonly url: string
  readonly #arguments: readonly string[]
  #process: ChildProcess | undefined

  constructor(file: string, port: number) {
    this.url = `http://127.0.0.1:${port}/`
    this.#arguments = [createRequire(import.meta.url).resolve('libsql'), file, String(port)]
  }

  async start(clockOffsetMs: number): Promise<void> {
    const program = await bundled(new URL('../test/server-process.ts', import.meta.url))
    const args = [program, ...this.#arguments, String(clockOffsetMs)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    const ended = once(child, 'exit').then(() => {
      throw new Error('The server ended before it listened.')
    })
    await Promise.race([once(child.stdout, 'data'), ended])
    ended.catch(() => {})
  }

  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL')
  }
}

async function play(seed: number, { expect, onTestFinished }: TestContext): Promise<void> {
  const random = randomFrom(seed)
  const folder = new TemporaryFolder()
  const server = new Server(folder.file(), await freePort())
  onTestFinished(async () => {
    await server.kill()
    folder.dispose()
  })
  await server.start(0)

  const streams = Array.from({ length: clients }, () => {
    const stream = new EventStreamService({ url: server.url, events, retry: { maxMs: 100 } })
    onTestFinished(() => stream.close())
    const received: { n: number; id: string }[] = []
    const faults: unknown[] = []
    stream.on('tick', ({ n, id }) => received.push({ n, id: id! }))
    stream.onGap((gap) => faults.push(gap))
    stream.onStatusChange(({ status, recovered }) => {
      if (status === 'open' && recovered === false) faults.push('not recovered')
    })
    stream.onError(() => {})
    stream.connect()
    return { stream, received, faults }
  })
  const waiting = () => streams.filter(({ stream }) => stream.state.status !== 'open').length
  await expect.poll(waiting, { timeout: patienceMs }).toBe(0)

  const acknowledged = new Map<number, string>()
  let [next, unanswered, over] = [1, 0, false]
  let onAnswer = () => {}
  async function publish(): Promise<void> {
    while (!over) {
      const numbers = Array.from({ length: 1 + Math.floor(random() * 30) }, () => next++)
      for (let ids: string[] | undefined; !ids; ) {
        const response = await fetch(server.url, { method: 'POST', body: JSON.stringify(numbers) }).catch(
          () => undefined,
        )
        ids = (await response?.json().catch(() => undefined)) as string[] | undefined
        if (!ids) {
          unanswered++
          await sleep(5)
        }
        for (const [index, id] of (ids ?? []).entries()) acknowledged.set(numbers[index]!, id)
      }
      onAnswer()
    }
  }
  const publishing = Array.from({ length: publishers }, publish)
  for (let times = 0; times < kills; times++) {
    await new Promise<void>((answered) => {
      onAnswer = answered
    })
    // Right after an answer, when what it promised must be stored, or at any other moment.
    if (random() < 0.5) await sleep(random() * 200)
    await server.kill()
    // An hour back or forth, as a machine without a battery for its clock does.
    await server.start(Math.floor((random() - 0.5) * 7_200_000))
  }
  over = true
  await Promise.all(publishing)

  const behind = () => streams.filter(({ received }) => received.length < acknowledged.size).length
  await expect.poll(behind, { timeout: patienceMs }).toBe(0)
  const inOrder = [...acknowledged]
    .map(([n, id]) => ({ n, id }))
    .sort((one, other) => positionOf(one) - positionOf(other))
  for (const { received, faults } of streams) {
    expect(faults).toEqual([])
    expect(received).toEqual(inOrder)
  }
  await server.kill()
  const database = open(folder.file())
  const backplane = new SqliteBackplane({ database, retention: { maxEvents: 100_000, maxAgeMs: Infinity } })
  const { messages } = backplane.read('default', 0, 1_000_000)
  backplane.close()
  database.close()
  expect(messages.map(({ position }) => position)).toEqual(inOrder.map(positionOf))
  expect(messages.slice(1).map(({ previous }) => previous)).toEqual(inOrder.slice(0, -1).map(positionOf))
  console.log(`seed ${seed}: ${acknowledged.size} events, ${unanswered} attempts unanswered`)
}

function positionOf({ id }: { id: string }): number {
  return Number.parseInt(id, 36)
}

describe.concurrent('after kill -9, the file has every acknowledged event, and clients get all of them once and in order', () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    it(`seed ${seed}`, { timeout: 4 * patienceMs }, (context) => play(seed, context))
  }
})
