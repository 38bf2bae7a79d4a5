import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { Recorder } from '../../../test-support/recorder.js'
import { installed, Scene } from '../test/scene.js'
import type { PostgresBackplane } from './index.js'

/** Random schedules on a real server; `npm run test:long` plays 200. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 3)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const channels = ['a', 'b', 'c']
const writers = 5

/** The events of a transaction, by the row that it stored along with them. */
interface Written {
  readonly id: string
  readonly events: readonly { readonly channel: string; readonly data: string }[]
  /** `undefined` if its connection died during the commit. */
  readonly committed: boolean | undefined
  /** Steps of the test's clock, which counts beginnings and ends of transactions. */
  readonly began: number
  readonly ended: number
}

const errorIsExpected = (error: unknown) =>
  // The administrator, timeouts of the session, deadlocks, serialization, the lock of the positions.
  /^(57P01|57014|25P03|25P02|40P01|40001|55P03)$/.test(String((error as { code?: unknown }).code)) ||
  /Connection terminated|not queryable|RIVULET_POSTGRES_UNAVAILABLE/.test(
    String(error) + (error as { code?: unknown }).code,
  )

/** Repeats what an ended connection made fail. */
async function untilDone<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!errorIsExpected(error)) throw error
    }
  }
}

/** One schedule: writers with transactions of all kinds, a sweeper, an administrator that ends connections, readers. */
async function play(seed: number) {
  const scene = await Scene.create()
  await scene.query(`CREATE TABLE rivulet.written (id text PRIMARY KEY);
    CREATE TABLE rivulet.shared (id integer PRIMARY KEY, count integer); INSERT INTO rivulet.shared VALUES (0, 0), (1, 0)`)
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]) => items[below(items.length)]!
  const pause = () => new Promise((done) => setTimeout(done, below(4)))
  const nodes = [1, 2, 3].map(() => scene.node({ pollMs: 100, timeoutMs: 10_000 }))
  const [live, later] = [new Recorder(), new Recorder()]
  for (const channel of channels) await nodes[0]!.subscribe(channel, live)
  const { storedPosition } = await nodes[0]!.read('a', 0, 0)
  const cursors = new Map(channels.map((channel) => [channel, storedPosition]))
  const written: Written[] = []
  let clock = 0
  let events = 0

  /** Publishes directly, without a transaction. */
  async function publish(node: PostgresBackplane, name: string): Promise<void> {
    const began = ++clock
    const own = Array.from({ length: 1 + below(3) }, () => ({ channel: pick(channels), data: `${name}.${++events}` }))
    for (const { channel, data } of own) {
      // With a key, it can be repeated until it is acknowledged.
      const options = { retain: true, idempotencyKey: data }
      await untilDone(() => node.publish(channel, { type: 'log', data }, options))
    }
    for (const event of own) written.push({ id: event.data, events: [event], committed: true, began, ended: ++clock })
  }

  async function transact(client: pg.PoolClient, node: PostgresBackplane, id: string): Promise<void> {
    const began = ++clock
    const own: { channel: string; data: string }[] = []
    const add = async (list: typeof own) => {
      const event = { channel: pick(channels), data: `${id}.${++events}` }
      await node.publish(event.channel, { type: 'log', data: event.data }, { retain: true, transaction: client })
      list.push(event)
    }
    let committing = false
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${pick(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])}`)
      await client.query(`INSERT INTO ${scene.schema}.written VALUES ($1)`, [id])
      for (let step = below(4); step >= 0; step--) {
        await add(own)
        await pause()
        if (random() < 0.3) {
          const inside: typeof own = []
          await client.query('SAVEPOINT s')
          await add(inside)
          if (random() < 0.5) await client.query('ROLLBACK TO SAVEPOINT s')
          else own.push(...inside)
          await client.query('RELEASE SAVEPOINT s')
        }
      }
      // Rows of the application's own, on which transactions wait for each other, also in a circle.
      if (random() < 0.3) {
        for (const row of [below(2), below(2)]) {
          await client.query(`UPDATE ${scene.schema}.shared SET count = count + 1 WHERE id = ${row}`)
          await pause()
        }
      }
      if (random() < 0.05) await client.query('SET CONSTRAINTS ALL IMMEDIATE')
      if (random() < 0.05) await client.query("SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(1)")
      // A late commit.
      if (random() < 0.2) await new Promise((done) => setTimeout(done, 30 + below(100)))
      const end = random() < 0.2 ? 'ROLLBACK' : 'COMMIT'
      committing = end === 'COMMIT'
      await client.query(end)
      written.push({ id, events: own, committed: committing, began, ended: ++clock })
    } catch (error) {
      if (!errorIsExpected(error)) throw error
      written.push({ id, events: own, committed: committing ? undefined : false, began, ended: ++clock })
      await client.query('ROLLBACK').catch(() => {})
    }
  }

  async function write(writer: number): Promise<void> {
    for (let round = 0; round < 6; round++) {
      const node = pick(nodes)
      const name = `${seed}/${writer}.${round}`
      if (random() < 0.35) await publish(node, name)
      else {
        const client = await scene.pool.connect()
        const onError = () => {}
        client.on('error', onError)
        let broken = true
        try {
          await transact(client, node, name)
          await client.query('SELECT 1')
          broken = false
        } catch (error) {
          if (!errorIsExpected(error)) throw error
        } finally {
          client.removeListener('error', onError)
          client.release(broken)
        }
      }
      await pause()
    }
  }

  // A reader with a cursor of its own for each channel, as a client that comes again and again.
  const read: string[] = []
  const broken = new Set<string>()
  async function readOn(): Promise<void> {
    for (const channel of channels) {
      const { messages, continuous } = await nodes[1]!.read(channel, cursors.get(channel)!, 1 + below(5))
      if (!continuous) broken.add(channel)
      read.push(...messages.map(({ data }) => data).filter((data) => data !== 'end'))
      cursors.set(channel, messages.at(-1)?.position ?? cursors.get(channel)!)
    }
  }

  let writing = true
  const [terminates, sweeps] = [random() < 0.3, random() < 0.25]
  const bounds = JSON.stringify(channels.map((c) => ({ c, e: 3 })))
  const all = Array.from({ length: writers }, (_, writer) => write(writer))
  const others = (async () => {
    for (let round = 0; writing; round++) {
      await untilDone(readOn)
      if (round === 3) await untilDone(() => nodes[2]!.subscribe('a', later))
      if (sweeps) {
        await untilDone(() => scene.query('SELECT rivulet.trim($1, 10000)', [bounds]))
        await untilDone(() => scene.query('SELECT rivulet.sweep(0, 300000, 604800000, 1000)'))
      }
      if (terminates && random() < 0.1) {
        await scene
          .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND application_name = '${scene.schema}' AND random() < 0.3`)
          .catch(() => {})
      }
      await pause()
    }
  })()
  await Promise.all(all)
  writing = false
  await others
  // If it has not come to it.
  await untilDone(() => nodes[2]!.subscribe('a', later))
  // The row shows the outcome of a commit whose connection ended.
  const rows = await scene.query('SELECT id FROM rivulet.written')
  const stored = new Set(rows.map(({ id }) => id))
  const committed = written.filter(({ id, committed }) => committed ?? stored.has(id))
  const expected = committed.flatMap(({ events }) => events)
  for (const channel of channels) await nodes[0]!.publish(channel, { type: 'log', data: 'end' }, { retain: true })
  const ended = ({ data }: Recorder, count: number) => data.filter((item) => item === 'end').length === count
  await live.until((recorder) => ended(recorder, channels.length))
  await later.until((recorder) => ended(recorder, 1))
  for (let length = -1; length !== read.length; ) {
    length = read.length
    await readOn()
  }
  const data = live.data.filter((item) => item !== 'end')
  const places = new Map(data.map((item, index) => [item, index]))
  const ofA = live.entries.flatMap(({ channel, message }) => (channel === 'a' && message ? [message.data] : []))
  const positions = live.messages.map(({ position }) => position!)
  const placed = committed
    .filter(({ events }) => events.length > 0 && !sweeps)
    .map((one) => ({ ...one, places: one.events.map((event) => places.get(event.data) ?? -1) }))
  const lacking = (list: readonly string[], told: (channel: string) => boolean) =>
    expected.filter((event) => !list.includes(event.data) && !told(event.channel)).length
  await scene.dispose()
  return {
    committed: expected.length,
    undone: written.length - committed.length,
    // A gap excuses only what a sweep may have deleted.
    lost: lacking(data, (channel) => sweeps && live.gaps.some((gap) => gap === channel)),
    unread: lacking(read, (channel) => sweeps && broken.has(channel)),
    doubled: data.length - new Set(data).size + (read.length - new Set(read).size),
    unexpected: [...data, ...read].filter((item) => !expected.some((event) => event.data === item)).length,
    disordered: positions.filter((position, index) => position <= (positions[index - 1] ?? 0)).length,
    // The events of a transaction follow one another, in the order in which they were published.
    torn: placed.filter((one) => one.places.some((place, index) => place !== one.places[0]! + index)).length,
    // A transaction that began after another one had ended comes after it.
    early: placed.filter((one) => placed.some((other) => other.ended < one.began && other.places[0]! > one.places[0]!))
      .length,
    falseGaps: sweeps ? 0 : live.gaps.length + later.gaps.length + broken.size,
    joinedLate: Number(!sweeps && later.data.join() !== ofA.slice(ofA.length - later.data.length).join()),
  }
}

describe.skipIf(!installed)('transactions on a real server', () => {
  it(`lose and double nothing in silence (${seeds} schedules)`, { timeout: 1_200_000 }, async () => {
    let total = { committed: 0, undone: 0 }
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { committed, undone, ...faults } = await play(seed)
      total = { committed: total.committed + committed, undone: total.undone + undone }
      const none = Object.fromEntries(Object.keys(faults).map((fault) => [fault, 0]))
      expect({ seed, ...faults }).toEqual({ seed, ...none })
    }
    expect(total.committed).toBeGreaterThan(seeds * 10)
    expect(total.undone).toBeGreaterThan(seeds)
  })
})
