import { get } from 'node:http'
import { migrate, PostgresBackplane } from '@rivulet/backplane-postgres'
import pg from 'pg'
import { PostgresServer, serverFolder } from '../../../packages/backplane-postgres/test/postgres-server.js'
import { buildPackages, compileProgram } from '../build.js'
import { type Child, startChild } from '../child.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { median, percentile } from '../report/statistics.js'
import { printTable } from '../report/table.js'
import { now, sleep } from '../server/clock.js'
import { firstSeq } from '../server/event.js'
import type { PostgresNodeService } from './node-process.js'

type Node = Child<PostgresNodeService>

const bytes = 150
const clients = 10
const burstEvents = 50
const budgetMs = 20

export interface PostgresResults {
  /** Milliseconds from before a `COMMIT` is sent until a client of another node has the event. */
  readonly latency: { readonly events: number; readonly p50: number; readonly p99: number; readonly worst: number }
  /** Transactions per second of one node with an open stream to which nothing is published. */
  readonly idle: { readonly seconds: number; readonly perSecond: number }
  /** Events per second. */
  readonly throughput: Readonly<Record<Subject, number>>
}

type Subject = 'bareInsert' | 'publish' | 'bareTransaction' | 'publishInTransaction'

/** `npm run bench -- postgres`: see README.md. */
export async function runPostgres({ quick }: { quick: boolean }): Promise<void> {
  if (!(await serverFolder())) {
    console.error('postgres needs a PostgreSQL server, 13 or newer: apt-get install postgresql.')
    process.exitCode = 1
    return
  }
  buildPackages('backplane-postgres')
  const program = await compileProgram('postgres/node-process')
  const server = await PostgresServer.start({ durable: true })
  const pool = new pg.Pool({ connectionString: server.url })
  const nodes: Node[] = []
  try {
    await migrate(pool)
    await pool.query('CREATE TABLE bench_rows (id bigserial PRIMARY KEY, text text)')
    await pool.query('CREATE TABLE bench_bare (id bigserial PRIMARY KEY, channel text, type text, data text)')
    const startNode = () => {
      const node = startChild<PostgresNodeService>(program, { args: [server.url] })
      nodes.push(node)
      return node
    }
    const [one, other] = [startNode(), startNode()]
    const latency = await measureLatency(one, other, quick ? 40 : 1_000)
    for (const node of nodes.splice(0)) node.kill()
    const idle = await measureIdle(pool, startNode(), quick ? 5 : 60)
    for (const node of nodes.splice(0)) node.kill()
    const throughput = await measureThroughput(pool, quick)
    report({ latency, idle, throughput }, quick)
  } finally {
    for (const node of nodes) node.kill()
    await pool.end()
    await server.dispose()
  }
}

/** Opens streams. `onEvent` gets the number of each event. Resolves when all are open. */
async function openStreams(port: number, count: number, onEvent: (seq: number) => void): Promise<void> {
  const opening = Array.from({ length: count }, () => {
    return new Promise<void>((resolve, reject) => {
      const request = get({ port, host: '127.0.0.1', headers: { accept: 'text/event-stream' } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`The server answered ${response.statusCode}.`))
        let rest = ''
        response.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk).split('\n')
          rest = lines.pop()!
          for (const line of lines) {
            const seq = /"seq":(\d+)/.exec(line)?.[1]
            if (seq !== undefined) onEvent(Number(seq))
          }
        })
        // The node is killed at the end.
        response.on('error', () => {})
        resolve()
      })
      request.on('error', reject)
    })
  })
  await Promise.all(opening)
}

async function measureLatency(publisher: Node, other: Node, count: number): Promise<PostgresResults['latency']> {
  const arrivals: { seq: number; at: number }[] = []
  await openStreams(await other.call('listen'), clients, (seq) => arrivals.push({ seq: seq - firstSeq, at: now() }))
  // Compiles, and opens connections.
  const warm = 20
  const change = (events: number) => publisher.call('change', { count: events, perSecond: 20, bytes })
  await change(warm)
  await until(() => arrivals.length >= warm * clients)
  arrivals.length = 0
  const sent = await change(count)
  await until(() => arrivals.length >= count * clients)
  if (arrivals.length !== count * clients) throw new Error(`${arrivals.length} events arrived, not ${count * clients}.`)
  const values = arrivals.map(({ seq, at }) => at - sent[seq]!)
  return { events: count, p50: percentile(values, 0.5), p99: percentile(values, 0.99), worst: Math.max(...values) }
}

async function until(condition: () => boolean): Promise<void> {
  const end = now() + 30_000
  while (!condition()) {
    if (now() > end) throw new Error('Events are missing.')
    await sleep(5)
  }
}

async function measureIdle(pool: pg.Pool, node: Node, seconds: number): Promise<PostgresResults['idle']> {
  await openStreams(await node.call('listen'), 1, () => {})
  await sleep(3_000)
  // One query each: its own transaction is counted the next time.
  const transactions = async () => {
    const { rows } = await pool.query(
      'SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()',
    )
    return Number(rows[0].count)
  }
  const before = await transactions()
  await sleep(seconds * 1_000)
  const after = await transactions()
  return { seconds, perSecond: (after - before - 1) / seconds }
}

async function measureThroughput(pool: pg.Pool, quick: boolean): Promise<PostgresResults['throughput']> {
  const [bursts, rounds] = quick ? [4, 1] : [10, 7]
  const backplane = new PostgresBackplane({ client: pool, listen: false })
  const message = { type: 'log', data: JSON.stringify({ level: 'info', message: 'x'.repeat(bytes - 30) }) }
  const bare = `WITH stored AS (INSERT INTO bench_bare (channel, type, data) VALUES ($1, $2, $3) RETURNING id)
    SELECT pg_notify('bench', id::text) FROM stored`
  const values = ['default', message.type, message.data]
  const burst = (event: () => Promise<unknown>) => () => Promise.all(Array.from({ length: burstEvents }, event))
  const transaction = async (event: (client: pg.PoolClient) => Promise<unknown>) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('INSERT INTO bench_rows (text) VALUES ($1)', ['A change'])
      await event(client)
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  const subjects: Record<Subject, () => Promise<unknown>> = {
    bareInsert: burst(() => pool.query(bare, values)),
    publish: burst(() => backplane.publish('default', message, { retain: true })),
    bareTransaction: burst(() => transaction((client) => client.query(bare, values))),
    publishInTransaction: burst(() =>
      transaction((client) => backplane.publish('default', message, { retain: true, transaction: client })),
    ),
  }
  const rates = new Map<string, number[]>()
  // In turns, so that a change of the machine concerns all of them. The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(subjects)) {
      const begin = now()
      for (let count = 0; count < bursts; count++) await run()
      const rate = (bursts * burstEvents * 1e3) / (now() - begin)
      if (round > 0) rates.set(name, [...(rates.get(name) ?? []), rate])
    }
  }
  backplane.close()
  const rateOf = (name: Subject) => Math.round(median(rates.get(name)!))
  return {
    bareInsert: rateOf('bareInsert'),
    publish: rateOf('publish'),
    bareTransaction: rateOf('bareTransaction'),
    publishInTransaction: rateOf('publishInTransaction'),
  }
}

function report(results: PostgresResults, quick: boolean): void {
  const { latency, idle, throughput } = results
  printTable(
    `From a commit to ${clients} clients of another node, over HTTP`,
    ['ms', 'p50', 'p99', 'worst'],
    [[`${latency.events} events, 20 a second`, latency.p50, latency.p99, latency.worst]],
  )
  printTable('An idle node with one stream', ['', 'transactions a second'], [['', idle.perSecond]])
  printTable(
    `Events a second, in bursts of ${burstEvents}, 10 connections`,
    ['', 'bare INSERT and NOTIFY', 'publish'],
    [
      ['by themselves', throughput.bareInsert, throughput.publish],
      ['in a transaction with an INSERT', throughput.bareTransaction, throughput.publishInTransaction],
    ],
  )
  const budgets = [atMost('commit to client, p99', latency.p99, budgetMs, 'ms')]
  printBudgets(budgets)
  writeResults('postgres', quick, results, budgets)
  if (!quick && budgets.some(({ met }) => !met)) process.exitCode = 1
}
