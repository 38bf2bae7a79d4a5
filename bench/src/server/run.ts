import { buildPackages, compileProgram } from '../build.js'
import { printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { judge, printResults, type ServerResults } from './report.js'
import { burst, fullScale, manyConnections, quickScale, stalledClients, steady } from './scenarios.js'
import { subjects } from './subject-names.js'
import { type Programs, pinned } from './trial.js'
import {
  type CoalescingResults,
  fullCoalescing,
  judgeCoalescing,
  type Mode,
  modes,
  type Pacing,
  pacing,
  printCoalescing,
  quickCoalescing,
} from './unequal/coalescing.js'
import {
  type CompressionResults,
  compressing,
  encodings,
  fullCompression,
  judgeCompression,
  printCompression,
  quickCompression,
} from './unequal/compression.js'
import { judgeUnequal, peers, printUnequal, type UnequalResults } from './unequal/report.js'
import { fairness, fullUnequal, joins, largeEvent, quickUnequal, type UnequalPrograms } from './unequal/scenarios.js'

export async function runServer({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickScale : fullScale
  buildPackages('server')
  const programs: Programs = {
    server: await compileProgram('server/server-process'),
    load: await compileProgram('server/load-process'),
  }
  if (!pinned) console.log('Server and clients are not pinned to their own cores (no taskset, or one core).')

  const results: ServerResults = {
    scale,
    steady: await interleave(subjects, 'steady', scale.runs, (subject) => steady(programs, subject, scale)),
    burst: await interleave(subjects, 'burst', scale.runs, (subject) => burst(programs, subject, scale)),
    many: await interleave(
      subjects,
      `${scale.many} connections`,
      scale.runs,
      (subject) => manyConnections(programs, subject, scale),
      // Opening this many connections takes long.
      (subject, run) => run < 2 || subject === 'rivulet' || subject === 'floor',
    ),
    stalled: await interleave(
      subjects,
      'stalled clients',
      scale.runs,
      (subject) => stalledClients(programs, subject, scale),
      // Unbounded growth shows in the first run.
      (subject, run) => run === 0 || subject === 'rivulet',
    ),
  }
  const budgets = judge(results)
  printResults(results)
  printBudgets(budgets)
  writeResults('server', quick, results, budgets)
}

/** Streams that do not get the same: beside a busy channel, a large event, and those that join. */
export async function runUnequal({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickUnequal : fullUnequal
  const { runs } = quick ? quickScale : fullScale
  const programs = await unequalPrograms()
  const results: UnequalResults = {
    scale,
    fairness: await interleave(peers, 'fairness', runs, (peer) => fairness(programs, peer, scale)),
    large: await interleave(peers, 'large events', runs, (peer) => largeEvent(programs, peer, scale)),
    joins: await interleave(peers, 'joins', scale.joinRuns, (peer) => joins(programs, peer, scale)),
  }
  const budgets = judgeUnequal(results)
  printUnequal(results)
  printBudgets(budgets)
  writeResults('unequal', quick, results, budgets)
}

/** The CPU that `coalescing` saves and the latency that it costs, at several rates of events. */
export async function runCoalescing({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickCoalescing : fullCoalescing
  const programs = await unequalPrograms()
  const runs: Record<number, Record<Mode, Pacing[]>> = {}
  for (const ms of scale.intervalsMs) {
    const measure = (mode: Mode) => pacing(programs, mode, scale, ms)
    runs[ms] = await interleave(modes, `one event per ${ms} ms`, scale.runs, measure)
  }
  const results: CoalescingResults = { scale, runs }
  const budgets = quick ? [] : judgeCoalescing(results)
  printCoalescing(results)
  printBudgets(budgets)
  writeResults('coalescing', quick, results, budgets)
}

/** The bytes and CPU of streams that are compressed once for all. */
export async function runCompression({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickCompression : fullCompression
  const programs = await unequalPrograms()
  const runs = await interleave(encodings, 'compression', scale.runs, (one) => compressing(programs, one, scale))
  const results: CompressionResults = { scale, runs }
  const budgets = judgeCompression(results)
  printCompression(results)
  printBudgets(budgets)
  writeResults('compression', quick, results, budgets)
}

async function unequalPrograms(): Promise<UnequalPrograms> {
  buildPackages('server')
  return {
    unequal: await compileProgram('server/unequal/server-process'),
    load: await compileProgram('server/load-process'),
  }
}

/** Runs each subject in turn, several times, starting with a different one each time, so that a disturbance of the machine affects all of them. */
async function interleave<Name extends string, Result>(
  names: readonly Name[],
  what: string,
  runs: number,
  measure: (name: Name) => Promise<Result>,
  wanted: (name: Name, run: number) => boolean = () => true,
): Promise<Record<Name, Result[]>> {
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Result[]>
  for (let run = 0; run < runs; run++) {
    for (let index = 0; index < names.length; index++) {
      const name = names[(index + run) % names.length]!
      if (!wanted(name, run)) continue
      process.stderr.write(`${what}: run ${run + 1} of ${runs}, ${name} … `)
      const begin = performance.now()
      results[name].push(await measureOnceMore(() => measure(name)))
      process.stderr.write(`${((performance.now() - begin) / 1e3).toFixed(1)} s\n`)
    }
  }
  return results
}

/** A run with missing or unordered events does not count: on a busy machine a client may fall behind the history. It is repeated once. */
async function measureOnceMore<Result>(measure: () => Promise<Result>): Promise<Result> {
  try {
    return await measure()
  } catch (error) {
    process.stderr.write(`\n!!! Repeated: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`)
    return await measure()
  }
}
