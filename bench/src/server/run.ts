import { buildPackages, compileProgram } from '../build.js'
import { printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { judge, printResults, type ServerResults } from './report.js'
import {
  burst,
  fullScale,
  type ManyConnections,
  manyConnections,
  quickScale,
  type StalledClients,
  stalledClients,
  steady,
} from './scenarios.js'
import { type SubjectName, subjects } from './subject-names.js'
import { type Measurement, type Programs, pinned } from './trial.js'

export async function runServer({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickScale : fullScale
  buildPackages('server')
  const programs: Programs = {
    server: await compileProgram('server/server-process'),
    load: await compileProgram('server/load-process'),
  }
  if (!pinned) console.log('Server and clients are not pinned to cores of their own (no taskset, or one core).')

  const results: ServerResults = {
    scale,
    steady: await interleave<Measurement>('steady', scale.runs, (subject) => steady(programs, subject, scale)),
    burst: await interleave<Measurement>('burst', scale.runs, (subject) => burst(programs, subject, scale)),
    many: await interleave<ManyConnections>(
      `${scale.many} connections`,
      scale.runs,
      (subject) => manyConnections(programs, subject, scale),
      // Opening so many connections takes long.
      (subject, run) => run < 2 || subject === 'rivulet' || subject === 'floor',
    ),
    stalled: await interleave<StalledClients>(
      'stalled clients',
      scale.runs,
      (subject) => stalledClients(programs, subject, scale),
      // What has no bound shows it the first time.
      (subject, run) => run === 0 || subject === 'rivulet',
    ),
  }
  const budgets = judge(results)
  printResults(results)
  printBudgets(budgets)
  writeResults('server', quick, results, budgets)
}

/** Runs each subject in turn, as often as told and each time beginning with another one. What disturbs the machine for a while disturbs all. */
async function interleave<Result>(
  name: string,
  runs: number,
  measure: (subject: SubjectName) => Promise<Result>,
  wanted: (subject: SubjectName, run: number) => boolean = () => true,
): Promise<Record<SubjectName, Result[]>> {
  const results: Record<SubjectName, Result[]> = {
    rivulet: [],
    'better-sse': [],
    'sse-channel': [],
    floor: [],
    naive: [],
  }
  for (let run = 0; run < runs; run++) {
    for (let index = 0; index < subjects.length; index++) {
      const subject = subjects[(index + run) % subjects.length]!
      if (!wanted(subject, run)) continue
      process.stderr.write(`${name}: run ${run + 1} of ${runs}, ${subject} … `)
      const begin = performance.now()
      results[subject].push(await measureOnceMore(() => measure(subject)))
      process.stderr.write(`${((performance.now() - begin) / 1e3).toFixed(1)} s\n`)
    }
  }
  return results
}

/** A run does not count when events are missing or out of order: on a busy machine a client may fall behind what is kept. It is repeated once. */
async function measureOnceMore<Result>(measure: () => Promise<Result>): Promise<Result> {
  try {
    return await measure()
  } catch (error) {
    process.stderr.write(`\n!!! Repeated: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`)
    return await measure()
  }
}
