import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { ModelDatabase, type ModelTransaction, type Numbering } from '../test/model-database.js'
import { LiveFeed } from './live/live-feed.js'

/** Random schedules of concurrent, late and rolled-back commits; `npm run test:long` plays 20,000. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 300)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const channels = ['a', 'b', 'c']

/** One subscriber of one channel, and what it may expect. */
class Reader implements BackplaneSubscriber {
  readonly channel: string
  readonly received: { readonly data: string; readonly position: number }[] = []
  /** Commits from this one on are promised; `Infinity` until the subscription is settled. */
  from = Infinity
  /** Commits up to this one are promised. */
  to = Infinity
  gaps = 0

  constructor(channel: string) {
    this.channel = channel
  }

  onMessage(_: string, { data, position }: LiveMessage): void {
    this.received.push({ data, position: position! })
  }

  onGap(): void {
    this.gaps++
  }

  onHealth(): void {}

  has(data: string): boolean {
    return this.received.some((event) => event.data === data)
  }
}

interface Outcome {
  /** Promised events that neither came nor were told of by a gap. */
  lost: string[]
  doubled: string[]
  disordered: number
  /** Gaps in schedules that took nothing from anybody. */
  falseGaps: number
  delivered: number
  gaps: number
}

/** Lets everything run that waits for a promise only. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve()
}

async function play(seed: number, numbering: Numbering): Promise<Outcome> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]) => items[below(items.length)]
  const database = new ModelDatabase(numbering)
  const timers = new Map<number, () => void>()
  let names = 0
  const feed = new LiveFeed({
    source: database,
    pollMs: 1_000,
    random,
    setTimeout: (callback) => timers.set(++names, callback) && names,
    clearTimeout: (timer) => void timers.delete(timer as number),
  })
  const committed: { data: string; channel: string; commit: number }[] = []
  const readers: Reader[] = []
  const [trims, failovers] = [random() < 0.3, random() < 0.15]
  let events = 0

  const show = (transaction: ModelTransaction) => {
    database.show(transaction)
    for (const { data, channel } of transaction.events) committed.push({ data, channel, commit: database.commits })
    // A notification may get lost.
    if (random() < 0.9) feed.wake()
  }
  const fire = () => {
    const [next] = timers
    if (!next) return
    timers.delete(next[0])
    next[1]()
  }
  const steps: Record<string, () => void> = {
    begin: () => void (database.transactions('open').length < 4 && database.begin()),
    insert() {
      const transaction = pick(database.transactions('open'))
      if (transaction) database.insert(transaction, pick(channels)!, `e${++events}`)
    },
    commit() {
      const transaction = pick(database.transactions('open'))
      if (transaction) database.commit(transaction)
    },
    show() {
      const transaction = pick(database.transactions('committing'))
      if (transaction) show(transaction)
    },
    rollback() {
      const transaction = pick([...database.transactions('open'), ...database.transactions('committing')])
      if (transaction && random() < 0.3) database.rollback(transaction)
    },
    execute: () => database.execute(1 + below(4)),
    answer: () => database.answer(random() < 0.05),
    fire,
    subscribe() {
      const reader = new Reader(pick(channels)!)
      readers.push(reader)
      feed.subscribe(reader.channel, reader).then(
        () => {
          if (reader.to === Infinity) reader.from = database.commits + 1
        },
        () => {
          reader.to = 0
        },
      )
    },
    unsubscribe() {
      const reader = pick(readers.filter(({ to }) => to === Infinity))
      if (!reader || random() < 0.6) return
      // The feed may be behind: the reader is owed only what comes before the first event that it lacks.
      const lacking = committed.filter(({ channel, data }) => channel === reader.channel && !reader.has(data))
      reader.to = Math.min(database.commits, ...lacking.map(({ commit }) => commit - 1))
      feed.unsubscribe(reader.channel, reader)
    },
    drop: () => trims && database.drop(pick(channels)!),
    trim: () => trims && database.trim(pick(channels)!),
    failOver: () => failovers && random() < 0.2 && database.failOver(below(3)),
  }
  const weights = 'insert insert insert commit commit show show execute answer answer fire begin begin rollback'
  const choices = `${weights} subscribe unsubscribe drop trim failOver`.split(' ')
  for (let step = 0; step < 120; step++) {
    steps[pick(choices)!]!()
    await settled()
  }
  // All commits end, and everything that was stored can arrive.
  for (const transaction of database.transactions('open')) database.commit(transaction)
  for (;;) {
    const [transaction] = database.transactions('committing')
    if (!transaction) break
    show(transaction)
  }
  for (let round = 0; round < 200; round++) {
    feed.wake()
    await settled()
    if (database.pending === 0 && timers.size === 0) break
    database.answer(false)
    await settled()
    if (database.pending === 0 && round > 100) break
  }
  feed.close()
  return judge(readers, committed, database)
}

function judge(
  readers: readonly Reader[],
  committed: readonly { data: string; channel: string; commit: number }[],
  { deleted, failedOver }: ModelDatabase,
): Outcome {
  const outcome: Outcome = { lost: [], doubled: [], disordered: 0, falseGaps: 0, delivered: 0, gaps: 0 }
  for (const { channel, from, to, received, gaps } of readers) {
    const owed = committed.filter((event) => event.channel === channel && event.commit >= from && event.commit <= to)
    const data = received.map((event) => event.data)
    // A gap excuses only what was deleted.
    const missing = owed.filter((event) => !data.includes(event.data) && (gaps === 0 || !deleted.has(event.data)))
    outcome.lost.push(...missing.map((event) => event.data))
    outcome.doubled.push(...data.filter((item, index) => data.indexOf(item) !== index))
    outcome.disordered += received.filter(
      ({ position }, index) => position <= (received[index - 1]?.position ?? 0),
    ).length
    if (deleted.size === 0 && !failedOver) outcome.falseGaps += gaps
    outcome.delivered += received.length
    outcome.gaps += gaps
  }
  return outcome
}

async function playAll(numbering: Numbering, count: number) {
  const total = { lost: 0, doubled: 0, disordered: 0, falseGaps: 0, delivered: 0, gaps: 0 }
  const bad: number[] = []
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const { lost, doubled, disordered, falseGaps, delivered, gaps } = await play(seed, numbering)
    if (lost.length + doubled.length + disordered + falseGaps > 0) bad.push(seed)
    total.lost += lost.length
    total.doubled += doubled.length
    total.disordered += disordered
    total.falseGaps += falseGaps
    total.delivered += delivered
    total.gaps += gaps
  }
  return { ...total, bad: bad.slice(0, 5) }
}

describe('a feed beside concurrent, late and rolled-back commits', () => {
  it(`loses and doubles nothing in silence (${seeds} schedules)`, { timeout: 600_000 }, async () => {
    const { delivered, gaps, ...faults } = await playAll('at commit', seeds)
    expect(faults).toEqual({ lost: 0, doubled: 0, disordered: 0, falseGaps: 0, bad: [] })
    expect(delivered).toBeGreaterThan(seeds * 5)
    // The schedules delete events before they are read as well.
    expect(gaps).toBeGreaterThan(0)
  })

  it('would lose events with positions that are given at the insert, which shows what the schedules can find', async () => {
    const { lost, bad } = await playAll('at insert', 100)
    expect(bad.length).toBeGreaterThan(0)
    expect(lost).toBeGreaterThan(50)
  })
})
