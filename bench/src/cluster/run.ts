import { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { buildPackages, compileProgram } from '../build.js'
import { hasRedis } from '../redis.js'
import { printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { type ClusterResults, judge, printResults } from './report.js'
import { type Climb, climb, fullScale, quickScale, steady } from './scenarios.js'
import { type SubjectName, subjects } from './subject-names.js'
import type { Delivery, Programs } from './trial.js'

export async function runCluster({ quick }: { quick: boolean }): Promise<void> {
  const scale = quick ? quickScale : fullScale
  if (!hasRedis()) return
  const redis = await RedisServer.start()
  try {
    buildPackages('backplane-redis')
    const programs: Programs = {
      node: await compileProgram('cluster/node-process'),
      load: await compileProgram('cluster/load-process'),
    }
    const runs = {} as Record<SubjectName, Delivery[]>
    for (const subject of subjects) runs[subject] = []
    for (let run = 0; run < scale.runs; run++) {
      // Starts with a different subject each time, so that a disturbance of the machine affects all of them.
      for (let index = 0; index < subjects.length; index++) {
        const subject = subjects[(index + run) % subjects.length]!
        // A subject that is far too slow for this rate takes long, and more runs add nothing.
        if (runs[subject].some(({ elapsedMs }) => elapsedMs > 1.5e3 * scale.seconds)) continue
        const name = `steady: run ${run + 1} of ${scale.runs}, ${subject}`
        runs[subject].push(await timed(name, () => steady(programs, redis, subject, scale)))
      }
    }
    const climbs = {} as Record<SubjectName, Climb>
    for (const subject of subjects)
      climbs[subject] = await timed(`highest rate: ${subject}`, () => climb(programs, redis, subject, scale))

    const results: ClusterResults = { scale, steady: runs, climb: climbs }
    const budgets = judge(results)
    printResults(results)
    printBudgets(budgets)
    writeResults('cluster', quick, results, budgets)
  } finally {
    await redis.dispose()
  }
}

async function timed<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  process.stderr.write(`${name} … `)
  const begin = performance.now()
  const result = await work()
  process.stderr.write(`${((performance.now() - begin) / 1e3).toFixed(1)} s\n`)
  return result
}
