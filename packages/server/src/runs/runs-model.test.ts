import { expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { NodeLink } from '../../test/node-link.js'
import { RunLedger } from '../../test/run-ledger.js'
import { RunClient } from '../../test/run-reader.js'
import { type RunEvents, runEvents } from '../../test/runs.js'
import { SimulatedClock, settle } from '../../test/simulation.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import type { MemoryRuns } from '../backplane/memory-runs.js'
import { runChannel } from '../backplane/run-store.js'
import { EventManager } from '../event-manager.js'
import type { Producing } from './producer.js'
import { RunManager } from './run-manager.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 200)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const steps = 60
const leaseMs = 3_000

interface Node {
  readonly link: NodeLink
  readonly runs: RunManager<RunEvents>
}

/** The true history of a run. */
interface Truth {
  readonly outputs: string[]
  readonly ends: string[]
  afterEnd: number
  /** The number of times its producer was started. `kept` has the outputs that were acknowledged to it. */
  producers: number
  readonly kept: string[]
  /** True if some `start` said that the run exists. */
  started: boolean
}

/**
 * One random history of runs on several nodes: readers that come, go, lag and change node; stops from any node; producers that
 * end, fail, hang, ignore their signal, die with their node, or stand still beyond their lease and wake; runs that are forgotten
 * while they are running, and whose ids are used again.
 */
class History {
  readonly #random: () => number
  readonly #clock: SimulatedClock
  readonly #backplane: MemoryBackplane
  readonly #ledger: RunLedger
  /** True if runs keep less than their whole output. */
  readonly #trims: boolean
  readonly #faults: number
  readonly #nodes: Node[] = []
  readonly #truths = new Map<string, Truth>()
  readonly #clients: RunClient[] = []

  constructor(seed: number) {
    this.#random = randomFrom(seed)
    this.#clock = new SimulatedClock(this.#random)
    this.#backplane = new MemoryBackplane({ clock: this.#clock })
    this.#ledger = new RunLedger(this.#backplane.runs as MemoryRuns, this.#clock.now)
    this.#trims = this.#chance(0.3)
    this.#faults = this.#chance(0.3) ? 0.1 : 0
    for (let count = 0; count < 3; count++) this.#addNode()
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!
  }

  #addNode(): void {
    const link = new NodeLink(this.#clock, this.#backplane)
    link.faults = this.#faults
    const manager = new EventManager({
      events: runEvents,
      clock: link.clock,
      backplane: link.backplane,
      limits: { highWaterMarkBytes: 3_000, stallTimeoutMs: 3_600_000 },
      onError: () => {},
    })
    const runs = new RunManager({ manager, leaseMs, timeoutMs: 40_000, maxBytes: this.#trims ? 3_000 : 1_000_000 })
    this.#nodes.push({ link, runs })
  }

  get #up(): Node[] {
    return this.#nodes.filter(({ link }) => link.state === 'up')
  }

  #truth(id: string): Truth {
    let truth = this.#truths.get(id)
    if (!truth) {
      const made: Truth = { outputs: [], ends: [], afterEnd: 0, producers: 0, kept: [], started: false }
      truth = made
      this.#truths.set(id, made)
      const onMessage = (_: string, { type, data }: { type: string; data: string }) => {
        if (made.ends.length > 0) made.afterEnd++
        if (type === 'rivulet:end') made.ends.push(data)
        else made.outputs.push(JSON.parse(data).text.trim())
      }
      this.#backplane.subscribe(runChannel(id), { onMessage, onGap() {}, onHealth() {} })
    }
    return truth
  }

  #start(id: string, { link, runs }: Node): void {
    const truth = this.#truth(id)
    const count = Math.floor(this.#random() * 30)
    const behaviour = this.#pick(['end', 'end', 'fail', 'hang', 'deaf'] as const)
    const pad = ' '.repeat(this.#chance(0.3) ? 2_000 : 50)
    const producer = async ({ publish, signal }: Producing<RunEvents>) => {
      truth.producers++
      for (let n = 0; n < count; n++) {
        if (signal.aborted && behaviour !== 'deaf') throw signal.reason
        const text = `${id}:${truth.producers}:${n}`
        const published = publish('token', { text: text + pad }).then(() => void truth.kept.push(text))
        if (behaviour === 'deaf') published.catch(() => {})
        else if (this.#chance(0.7)) await published
        else published.catch(() => {})
        const ms = this.#chance(0.5) ? 0 : this.#random() * 400
        if (ms > 0) await new Promise<void>((resolve) => link.clock.setTimeout(resolve, ms))
      }
      if (behaviour === 'hang') await new Promise(() => {})
      if (behaviour === 'fail') throw new Error('no model')
    }
    link.run(() => {
      runs.start(id, {}, producer).then(
        () => {
          truth.started = true
        },
        () => {},
      )
    })
  }

  /** Nobody reads these runs: the ledger sees who writes to them. */
  #startAgain(id: string): void {
    const [{ link, runs }, other] = [this.#pick(this.#up), this.#pick(this.#up)]
    const producer = async ({ publish }: Producing<RunEvents>) => {
      for (let n = 0; n < 20; n++) {
        publish('token', { text: String(n) }).catch(() => {})
        await new Promise<void>((resolve) => other.link.clock.setTimeout(resolve, 200))
      }
    }
    const start = () => void other.runs.start(id, {}, producer).catch(() => {})
    link.run(() => {
      runs.forget(id).then(
        () => other.link.run(start),
        () => {},
      )
    })
  }

  #step(): void {
    const id = `r${Math.floor(this.#random() * 4)}`
    const [up, client] = [this.#up, this.#clients.length > 0 ? this.#pick(this.#clients) : undefined]
    const action = this.#random()
    if (action < 0.15 && up.length > 0) {
      this.#start(id, this.#pick(up))
      if (this.#chance(0.3)) this.#start(id, this.#pick(up))
    } else if (action < 0.22 && up.length > 0) {
      this.#pick(up)
        .runs.stop(id, 'user')
        .catch(() => {})
    } else if (action < 0.4) {
      if (this.#truths.has(id) && this.#clients.length < 8) this.#clients.push(new RunClient(id))
    } else if (action < 0.5) client?.leave()
    else if (action < 0.6 && client) client.slow = !client.slow
    else if (action < 0.66) this.#pauseOrWake()
    else if (action < 0.69) this.#crash()
    else if (action < 0.76 && up.length > 0) this.#startAgain(`again${Math.floor(this.#random() * 2)}`)
    else this.#clock.advance(this.#pick([5, 50, 500, 2_000]))
  }

  #pauseOrWake(): void {
    const paused = this.#nodes.filter(({ link }) => link.state === 'paused')
    if (paused.length > 0 && this.#chance(0.6)) this.#pick(paused).link.wake()
    else if (this.#up.length > 1) this.#pick(this.#up).link.pause()
  }

  #crash(): void {
    const alive = this.#nodes.filter(({ link }) => link.state !== 'dead')
    if (this.#up.length < 2) return
    const { link } = this.#pick(alive)
    link.crash()
    for (const client of this.#clients) if (client.link === link) client.leave()
    this.#addNode()
  }

  /** Clients come back by themselves, to any node. */
  #reconnect(): void {
    for (const client of this.#clients) {
      if (client.sink || client.ended || this.#up.length === 0) continue
      const { link, runs } = this.#pick(this.#up)
      client.connect(link, runs)
    }
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await settle()
      this.#clock.turn()
      for (const { sink, slow } of this.#clients) sink?.take(slow ? 200 : Infinity)
    }
  }

  async play(): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#step()
      if (this.#chance(0.5)) this.#reconnect()
      await this.#turns(1 + Math.floor(this.#random() * 4))
    }
    for (const { link } of this.#nodes) {
      link.faults = 0
      if (link.state === 'paused') link.wake()
    }
    for (const client of this.#clients) client.slow = false
    // Beyond the time of any producer, and the lease of any that died.
    for (let second = 0; second < 50 || (this.#clients.some(({ ended }) => !ended) && second < 90); second++) {
      this.#clock.advance(1_000)
      this.#reconnect()
      await this.#turns(6)
    }
  }

  /** @returns The problems found. */
  async check(): Promise<string[]> {
    const problems = [...this.#ledger.problems]
    for (const [id, truth] of this.#truths) {
      const { outputs, ends, afterEnd, producers, kept, started } = truth
      if (producers > 1) problems.push(`${id} had ${producers} producers`)
      if (ends.length > 1 || afterEnd > 0) problems.push(`${id} went on after its end`)
      if ((started || producers > 0) && ends.length === 0) problems.push(`${id} has no end`)
      const order = outputs.map((text) => Number(text.split(':')[2]))
      if (order.some((n, index) => index > 0 && n <= order[index - 1]!))
        problems.push(`${id} is out of order: ${order}`)
      for (const text of kept) if (!outputs.includes(text)) problems.push(`${id} lost ${text}`)
      const run = this.#backplane.runs.get(id)
      const state = ends[0] === undefined ? undefined : JSON.parse(ends[0]).state
      if ((await run)?.state !== state) problems.push(`${id} is ${(await run)?.state}, and said ${state}`)
    }
    for (const client of this.#clients) this.#checkClient(client, problems)
    return problems
  }

  #checkClient({ id, seen, problems: own }: RunClient, problems: string[]): void {
    const { outputs, ends } = this.#truths.get(id)!
    problems.push(...own.map((problem) => `a reader of ${id}: ${problem}`))
    let next = 0
    let gap = false
    for (const one of seen) {
      if ('gap' in one) gap = true
      else if ('output' in one) {
        const index = outputs.indexOf(one.output)
        if (index < next) problems.push(`a reader of ${id} has ${one.output} again, or out of order`)
        if (index > next && !gap) problems.push(`a reader of ${id} lacks ${outputs[next]} and was not told`)
        // Where a log is trimmed while it is read, more may be told to be missing than is.
        if (index === next && gap && !this.#trims)
          problems.push(`a reader of ${id} was told of a gap, and none is there`)
        next = index + 1
        gap = false
      } else {
        if (next < outputs.length && !gap) problems.push(`a reader of ${id} lacks the last of it and was not told`)
        if (one.end !== ends[0]) problems.push(`a reader of ${id} was told ${one.end}, and it was ${ends[0]}`)
      }
    }
    if (ends.length > 0 && !seen.some((one) => 'end' in one))
      problems.push(`a reader of ${id} was never told of its end`)
  }
}

it(`delivers runs once and in order in ${seeds} histories`, async () => {
  const failures: string[] = []
  for (let seed = firstSeed; seed < firstSeed + seeds && failures.length < 3; seed++) {
    const history = new History(seed)
    await history.play()
    const problems = await history.check()
    if (problems.length > 0) failures.push(`seed ${seed}: ${problems.slice(0, 3).join('; ')}`)
  }
  expect(failures).toEqual([])
}, 36_000_000)
