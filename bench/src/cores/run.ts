import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPackages, compileProgram } from '../build.js'
import { type Child, startChild } from '../child.js'
import type { LoadService } from '../cluster/load-process.js'
import { writeResults } from '../report/results.js'
import { sleep } from '../server/clock.js'
import type { CoreService } from './core-process.js'

/** Processes that serve streams. Without a keeper, the one process has its events in memory. */
const subjects = {
  'one process': { workers: 1, keeper: false },
  '1 worker': { workers: 1, keeper: true },
  '2 workers': { workers: 2, keeper: true },
}
type SubjectName = keyof typeof subjects

/** One run. All times of CPU are microseconds for each delivery. */
interface CoresRun {
  readonly deliveriesPerSecond: number
  readonly workersCpu: number
  readonly keeperCpu: number
  readonly loadCpu: number
}

/** With an event a millisecond, more than one core can deliver event by event. */
const clients = 4_000
const bytes = 150

/** `npm run bench -- cores`: the same clients and events with one and with two workers. */
export async function runCores({ quick }: { quick: boolean }): Promise<void> {
  const [rounds, events] = quick ? [1, 100] : [5, 2_000]
  buildPackages('server')
  const programs = {
    core: await compileProgram('cores/core-process'),
    load: await compileProgram('cluster/load-process'),
  }
  const runs: Record<SubjectName, CoresRun[]> = { 'one process': [], '1 worker': [], '2 workers': [] }
  const names = Object.keys(runs) as SubjectName[]
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < names.length; index++) {
      const name = names[(index + round) % names.length]!
      runs[name].push(await measure(programs, name, events))
    }
  }
  const scale = { cores: availableParallelism(), clients, events, bytes, rounds }
  print(runs, scale)
  writeResults('cores', quick, { scale, runs }, [])
}

async function measure(programs: { core: string; load: string }, name: SubjectName, events: number): Promise<CoresRun> {
  const { workers: count, keeper: withKeeper } = subjects[name]
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-bench-'))
  const start = (role: string) => startChild<CoreService>(programs.core, { args: [role, join(folder, 'backplane')] })
  const keeper = withKeeper ? start('keeper') : undefined
  const workers = Array.from({ length: count }, () => start(withKeeper ? 'worker' : 'alone'))
  const loads = workers.map(() => startChild<LoadService>(programs.load))
  const cpu = async (children: readonly Pick<Child<{ cpu(): number }>, 'call'>[]) =>
    (await Promise.all(children.map((child) => child.call('cpu')))).reduce((sum, micros) => sum + micros, 0)
  const allCpu = async () => ({
    workers: await cpu(workers),
    keeper: await cpu(keeper ? [keeper] : []),
    load: await cpu(loads),
  })
  try {
    for (const [index, worker] of workers.entries()) {
      const connections = clients / count
      const port = await worker.call('listen')
      await loads[index]!.call('connect', { port, library: 'rivulet', connections })
      while ((await worker.call('connections')) < connections) await sleep(20)
      await loads[index]!.call('begin')
    }
    const before = await allCpu()
    const begin = await (keeper ?? workers[0]!).call('publish', { count: events, bytes })
    const received = await Promise.all(loads.map((load) => load.call('received', { events, patienceMs: 10_000 })))
    const after = await allCpu()
    const lost = received.find(({ missing, extra, failure }) => missing + extra > 0 || failure)
    if (lost) throw new Error(`${name}: ${lost.missing} missing, ${lost.extra} extra, ${lost.failure ?? 'no error'}`)
    const deliveries = events * clients
    const seconds = (Math.max(...received.map(({ lastAt }) => lastAt.at(-1)!)) - begin) / 1e3
    const per = (key: keyof typeof before) => (after[key] - before[key]) / deliveries
    return {
      deliveriesPerSecond: deliveries / seconds,
      workersCpu: per('workers'),
      keeperCpu: per('keeper'),
      loadCpu: per('load'),
    }
  } finally {
    for (const child of [...workers, ...loads, ...(keeper ? [keeper] : [])]) child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

function print(
  runs: Record<SubjectName, CoresRun[]>,
  { cores, events, rounds }: { cores: number; events: number; rounds: number },
): void {
  console.log(`\n${events} events, one a millisecond, to ${clients} clients on ${cores} cores, median of ${rounds}:`)
  for (const [name, all] of Object.entries(runs)) {
    const of = (key: keyof CoresRun) => all.map((run) => run[key]).sort((one, other) => one - other)[all.length >> 1]!
    console.log(
      `  ${name}: ${Math.round(of('deliveriesPerSecond'))} deliveries/s; CPU per delivery: workers ${of('workersCpu').toFixed(2)} µs, keeper ${of('keeperCpu').toFixed(2)} µs, load generator ${of('loadCpu').toFixed(2)} µs`,
    )
  }
}
