import { setTimeout as sleep } from 'node:timers/promises'
import type { EndEvent } from '@rivulet/core'
import { runChannel } from '@rivulet/server'
import { Redis } from 'ioredis'
import { randomFrom } from '../../../test-support/random.js'
import { Keys } from '../src/link/keys.js'
import { RedisBackplane } from '../src/redis-backplane.js'
import { ClusterNode } from './node-cluster.js'
import { RedisServer } from './redis-server.js'
import { checkEnd, checkReading, type RunTruth } from './run-check.js'
import type { Notice, Plan, StartAnswer, StopAnswer } from './run-plan.js'
import { RunReader, type RunSeen } from './run-reader.js'

/** The faults of Redis, and what runs keep through them. */
export interface RunFault {
  readonly persistent: 'always' | undefined
  readonly afterRestart: 'gap' | 'trust'
  readonly maxBytes: number
  /** Happens now and then. */
  readonly strike?: (history: RunHistory) => Promise<void>
  /** Happens once: events that Redis acknowledged may be gone after it. */
  readonly lose?: (history: RunHistory) => Promise<void>
}

const leaseMs = 600
const steps = 50
/** Beyond the time of any producer and any pause of a client. */
const patienceMs = 30_000

interface Asked {
  /** It was forgotten, and its id used again. */
  again: boolean
  started: number
  stopped: number
  /** Somebody asked to stop it, whatever the answer. */
  mayBeStopped: boolean
  readonly producers: Set<string>
  readonly kept: Map<string, number>
  /** Producers that were told that an output could not be stored. */
  readonly refused: Set<string>
}

/** One random history of runs on three nodes: see the test. */
export class RunHistory {
  readonly random: () => number
  readonly nodes: ClusterNode[] = []
  redis: RedisServer
  readonly #fault: RunFault
  readonly #paused = new Set<ClusterNode>()
  readonly #readers: RunReader[] = []
  readonly #asked = new Map<string, Asked>()
  readonly #calls: Promise<void>[] = []
  /** By producer. */
  readonly #plans = new Map<string, Plan>()
  #lostUntil = 0

  private constructor(redis: RedisServer, fault: RunFault, seed: number) {
    this.redis = redis
    this.#fault = fault
    this.random = randomFrom(seed)
  }

  static async start(fault: RunFault, seed: number): Promise<RunHistory> {
    const redis = await RedisServer.start({ persistent: fault.persistent })
    const history = new RunHistory(redis, fault, seed)
    const options = {
      afterRestart: fault.afterRestart,
      program: 'run-process.ts',
      args: [String(leaseMs), String(fault.maxBytes)],
      onMessage: (message: unknown) => history.#note(message as Notice),
    }
    const starting = [0, 1, 2].map(() => ClusterNode.start(redis.port, options))
    history.nodes.push(...(await Promise.all(starting)))
    return history
  }

  #note({ id, producer, kept, refused }: Notice): void {
    const asked = this.#askedOf(id)
    asked.producers.add(producer)
    if (refused !== undefined) asked.refused.add(producer)
    if (kept !== undefined) asked.kept.set(producer, Math.max(kept + 1, asked.kept.get(producer) ?? 0))
  }

  #askedOf(id: string): Asked {
    const asked = this.#asked.get(id) ?? {
      again: false,
      started: 0,
      stopped: 0,
      mayBeStopped: false,
      producers: new Set(),
      kept: new Map(),
      refused: new Set(),
    }
    this.#asked.set(id, asked)
    return asked
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!
  }

  get #up(): ClusterNode[] {
    return this.nodes.filter((node) => !this.#paused.has(node))
  }

  /** Asks a node, which may die, stand still, or be without Redis: then nobody knows what became of it. */
  #ask<Answer>(
    method: string,
    id: string,
    node: ClusterNode,
    onAnswer: (answer: Answer) => void,
    body?: Plan,
  ): Promise<void> {
    const options = { method, body: body ? JSON.stringify(body) : null, signal: AbortSignal.timeout(10_000) }
    const asking = async () => {
      const response = await fetch(`http://127.0.0.1:${node.port}/${id}`, options)
      if (response.ok) onAnswer((await response.json()) as Answer)
    }
    const asked = asking().catch(() => {})
    this.#calls.push(asked)
    return asked
  }

  #start(id: string, node: ClusterNode, atLeast = 0): void {
    const asked = this.#askedOf(id)
    const count = atLeast + Math.floor(this.random() * 30)
    const plan: Plan = {
      name: `p${this.#plans.size}`,
      behaviour: this.pick(['end', 'end', 'fail', 'hang', 'deaf'] as const),
      pausesMs: Array.from({ length: count }, () => (this.chance(0.5) ? 0 : Math.floor(this.random() * 40))),
      padding: this.chance(0.2) ? 150_000 : 0,
    }
    this.#plans.set(plan.name, plan)
    const onAnswer = ({ started }: StartAnswer) => {
      if (started) asked.started++
    }
    void this.#ask<StartAnswer>('POST', id, node, onAnswer, plan)
  }

  /** Forgets a run whose producer stands still, and starts another one with its id. Nobody reads them. */
  async #startAgain(id: string): Promise<void> {
    this.#askedOf(id).again = true
    await this.#ask('PATCH', id, this.pick(this.#up), () => {})
    this.#start(id, this.pick(this.#up), 40)
  }

  /** Has a producer at work on a node, and somebody who reads, when something happens to them. */
  async #busy(node: ClusterNode): Promise<void> {
    if (this.#paused.has(node)) return
    const id = `busy${this.#plans.size}`
    this.#start(id, node, 40)
    await sleep(20 + this.random() * 100)
    if (this.chance(0.7)) this.#readers.push(new RunReader(id))
    this.#reconnect()
  }

  #stop(id: string): void {
    const asked = this.#askedOf(id)
    asked.mayBeStopped = true
    const onAnswer = ({ ended }: StopAnswer) => {
      if (ended) asked.stopped++
    }
    void this.#ask<StopAnswer>('DELETE', id, this.pick(this.#up), onAnswer)
  }

  async #step(): Promise<void> {
    const id = `r${Math.floor(this.random() * 5)}`
    const reader = this.#readers.length > 0 ? this.pick(this.#readers) : undefined
    const action = this.random()
    if (action < 0.14) {
      this.#start(id, this.pick(this.#up))
      if (this.chance(0.3)) this.#start(id, this.pick(this.#up))
    } else if (action < 0.2) {
      this.#stop(id)
      if (this.chance(0.3)) this.#stop(id)
    } else if (action < 0.4) {
      if (this.#asked.has(id) && this.#readers.length < 12) this.#readers.push(new RunReader(id))
    } else if (action < 0.5) reader?.leave()
    else if (action < 0.6 && reader) reader.slow = !reader.slow
    else if (action < 0.68) await this.#pauseOrWake()
    else if (action < 0.71) await this.#crash(this.pick(this.nodes))
    else if (action < 0.76) await this.#cut(this.pick(this.nodes))
    else if (action < 0.79) await this.#delay(this.pick(this.nodes))
    else if (action < 0.82) await this.#fault.strike?.(this)
    else await sleep(this.pick([0, 10, 50, 200]))
  }

  async #pauseOrWake(): Promise<void> {
    const [paused] = this.#paused
    if (paused && this.chance(0.6)) this.#wake(paused)
    else if (this.#up.length > 1) {
      const node = this.pick(this.#up)
      const again = `again${this.#plans.size}`
      if (this.chance(0.5)) this.#start(again, node, 40)
      await this.#busy(node)
      this.#paused.add(node)
      node.signal('SIGSTOP')
      if (this.#asked.has(again)) await this.#startAgain(again)
      // Some of its readers notice, and go elsewhere.
      for (const reader of this.#readers) if (reader.port === node.port && this.chance(0.5)) reader.leave()
    }
  }

  #wake(node: ClusterNode): void {
    this.#paused.delete(node)
    node.signal('SIGCONT')
  }

  async #crash(node: ClusterNode): Promise<void> {
    await this.#busy(node)
    await node.kill()
    this.#paused.delete(node)
    await node.start()
  }

  async #cut(node: ClusterNode): Promise<void> {
    const { toRedis } = node
    await this.#busy(node)
    if (this.chance(0.7)) {
      // Its calls from now on are carried out, and it is not told.
      toRedis.swallow()
      await sleep(this.random() * 50)
    }
    toRedis.cut()
    // Within the lease, what was swallowed is sent again.
    setTimeout(() => toRedis.mend(), this.random() * (this.chance(0.5) ? 50 : 500))
  }

  /** Outputs that were sent in time may arrive when the lease is over. */
  async #delay(node: ClusterNode): Promise<void> {
    // With a Redis that fails besides, it would mostly find its connection gone.
    if (this.#fault.strike || this.#fault.lose) return
    await this.#busy(node)
    setTimeout(node.toRedis.hold(), this.random() * 1.5 * leaseMs)
  }

  /** Readers come back by themselves, to any node. */
  #reconnect(): void {
    for (const reader of this.#readers) {
      if (reader.port === undefined && !reader.ended && reader.goneAt === undefined)
        reader.connect(this.pick(this.#up).port)
    }
  }

  async play(): Promise<void> {
    const loseAt = this.#fault.lose ? 15 + Math.floor(this.random() * 20) : -1
    for (let step = 0; step < steps; step++) {
      if (step === loseAt) {
        for (const node of this.#up) await this.#busy(node)
        await this.#fault.lose!(this)
        // Answers that reached the nodes before they noticed still count as told before.
        this.#lostUntil = performance.now() + 1_000
      }
      await this.#step()
      if (this.chance(0.5)) this.#reconnect()
    }
    for (const node of [...this.#paused]) this.#wake(node)
    for (const { toRedis } of this.nodes) toRedis.mend()
    for (const reader of this.#readers) reader.slow = false
    await Promise.all(this.#calls)
    await this.#settle()
  }

  /** Waits until every run has ended and every reader knows. */
  async #settle(): Promise<void> {
    const backplane = this.#ownNode()
    try {
      const isOver = async () => {
        const runs = await Promise.all([...this.#asked.keys()].map((id) => backplane.runs.get(id)))
        return (
          runs.every((run) => run?.state !== 'running') &&
          this.#readers.every((one) => one.ended || one.goneAt !== undefined)
        )
      }
      for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
        this.#reconnect()
        if (await isOver().catch(() => false)) break
      }
      // Whoever would go on after the end has had the time.
      await sleep(leaseMs)
    } finally {
      backplane.close()
    }
  }

  #ownNode(): RedisBackplane {
    const client = new Redis({ port: this.redis.port, host: '127.0.0.1', lazyConnect: true })
    // A busy machine may take its time to answer the check.
    return new RedisBackplane({ client, afterRestart: this.#fault.afterRestart, timeoutMs: patienceMs })
  }

  /** @returns What is wrong. */
  async check(): Promise<string[]> {
    const problems: string[] = []
    const backplane = this.#ownNode()
    for (const [id, asked] of this.#asked) {
      const found: string[] = []
      const run = await backplane.runs.get(id)
      const log = await readLog(backplane, id)
      const readers = this.#readers.filter((reader) => reader.id === id)
      if (asked.again) checkAgain(log, !this.#fault.lose, found)
      else this.#checkRun(asked, log, found)
      if (!this.#fault.lose) await this.#checkLease(backplane, id, found)
      const end = log.at(-1)
      const state = end?.kind === 'end' ? JSON.parse(end.data).state : undefined
      if (run?.state !== state) found.push(`it is ${run?.state}, and its log says ${state}`)
      const truth: RunTruth = { log, published: publishedOf(asked, [log, ...readers.map(({ seen }) => seen)]) }
      const lossless = !this.#fault.lose
      const expected = { complete: lossless && this.#fault.maxBytes > 1e6, lossless, lostUntil: this.#lostUntil }
      for (const reader of readers) {
        const own = [...reader.problems, ...checkReading(reader.seen, truth, expected)]
        // It may have asked before the run was there, or after it was lost.
        const gone = reader.goneAt !== undefined && (!lossless || !run || run.startedAt >= reader.goneAt)
        if (!reader.ended && !gone)
          own.push(`it was told of no end, after ${reader.seen.length} and ${reader.statuses}`)
        found.push(...own.map((problem) => `a reader: ${problem}`))
      }
      problems.push(...found.map((problem) => `${id}: ${problem}`))
    }
    backplane.close()
    return problems
  }

  #checkRun(
    { started, stopped, mayBeStopped, producers, kept, refused }: Asked,
    log: readonly RunSeen[],
    found: string[],
  ): void {
    const ends = log.filter(({ kind }) => kind === 'end')
    if (ends.length !== (log.length > 0 ? 1 : 0) || (log.length > 0 && log.at(-1)?.kind !== 'end'))
      found.push(`its log has ${ends.length} ends, and ends with ${log.at(-1)?.kind}`)
    if (this.#fault.lose) return
    if (started > 1 || producers.size > 1) found.push(`it was started ${started} times, by ${[...producers]}`)
    if (stopped > 1 || (stopped === 1 && !JSON.stringify(ends).includes('stopped')))
      found.push(`it was stopped ${stopped} times, and ended as ${JSON.stringify(ends)}`)
    if (producers.size > 0 && log.length === 0) found.push('it is gone')
    const outputs = log.flatMap((one) => (one.kind === 'output' ? [one.n] : []))
    const first = outputs[0] ?? 0
    if (outputs.some((n, index) => n !== first + index)) found.push(`its log is ${outputs}`)
    const stored = (outputs.at(-1) ?? -1) + 1
    for (const count of kept.values()) {
      if (count > stored) found.push(`output ${count - 1} was acknowledged, and is not stored`)
    }
    const plan = this.#plans.get([...producers][0] ?? '')
    const end = log.at(-1)
    if (plan && end?.kind === 'end')
      found.push(...checkEnd(JSON.parse(end.data), plan, { stored, mayBeStopped, refused: refused.size > 0 }))
  }

  /** A position begins with the time. The lease is as long as the store has granted it. */
  async #checkLease(backplane: RedisBackplane, id: string, found: string[]): Promise<void> {
    const { messages } = await backplane.read(runChannel(id), 0, 1_000)
    const leasedUntil = Number(await this.redis.command('HGET', new Keys('rivulet').run(id), 'l')) * 1024
    for (const { type, data, position } of messages) {
      const end = type === 'rivulet:end' ? (JSON.parse(data) as EndEvent) : undefined
      if (end?.state === 'stopped') continue
      const isLost = end?.reason === 'producer lost'
      if (isLost !== position >= leasedUntil) found.push(`${data} is stored ${isLost ? 'before' : 'beyond'} its lease`)
    }
  }

  async dispose(): Promise<void> {
    for (const reader of this.#readers) reader.leave()
    await Promise.all([...this.nodes, this.redis].map((each) => each.dispose()))
  }
}

/** The producer of an earlier run with the same id writes nothing. Outputs are missing only where Redis may lose some. */
function checkAgain(log: readonly RunSeen[], lossless: boolean, found: string[]): void {
  const outputs = log.filter((one) => one.kind === 'output')
  const isNext = ({ producer, n }: (typeof outputs)[number], index: number) => {
    const before = outputs[index - 1]
    return !before || (producer === before.producer && (lossless ? n === before.n + 1 : n > before.n))
  }
  if (!outputs.every(isNext)) found.push(`its log is ${outputs.map(({ producer, n }) => `${producer}:${n}`)}`)
}

async function readLog(backplane: RedisBackplane, id: string): Promise<RunSeen[]> {
  const { messages } = await backplane.read(runChannel(id), 0, 1_000)
  return messages.map(({ type, data }): RunSeen => {
    if (type === 'rivulet:gap') return { kind: 'gap' }
    if (type === 'rivulet:end') return { kind: 'end', data, at: 0 }
    const [producer, n] = JSON.parse(data).text.split(':')
    return { kind: 'output', producer, n: Number(n) }
  })
}

function publishedOf({ kept }: Asked, seen: readonly (readonly RunSeen[])[]): Map<string, number> {
  const published = new Map(kept)
  for (const one of seen.flat()) {
    if (one.kind === 'output') published.set(one.producer, Math.max(one.n + 1, published.get(one.producer) ?? 0))
  }
  return published
}
