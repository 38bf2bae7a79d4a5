// `npm run bench -- [part …] [--quick] [--check]`: see README.md.
import { parseArgs } from 'node:util'
import { runBehaviour } from './behaviour/run.js'
import { runBrowsers } from './browsers/run.js'
import { runChannels } from './channels/run.js'
import { drawCharts } from './charts.js'
import { runClient } from './client/run.js'
import { runCluster } from './cluster/run.js'
import { runCores } from './cores/run.js'
import { runDecode } from './decode/run.js'
import { runPostgres } from './postgres/run.js'
import { runRedisPublishes } from './redis-publishes/run.js'
import { runRuns } from './runs/run.js'
import { runIdle } from './server/idle/run.js'
import { runCoalescing, runCompression, runServer, runUnequal } from './server/run.js'
import { runSize } from './size/run.js'
import { runSqlite } from './sqlite/run.js'
import { runStorm } from './storm/run.js'
import { runTable } from './table/run.js'

export interface Options {
  /** A short run: shows that the benchmark works, measures nothing. */
  readonly quick: boolean
  /** Sizes only: fails if one is over its budget. */
  readonly check: boolean
}

const parts: Record<string, (options: Options) => void | Promise<void>> = {
  size: runSize,
  decode: runDecode,
  client: runClient,
  browsers: runBrowsers,
  table: runTable,
  server: runServer,
  idle: runIdle,
  unequal: runUnequal,
  coalescing: runCoalescing,
  compression: runCompression,
  cluster: runCluster,
  cores: runCores,
  channels: runChannels,
  redis: runRedisPublishes,
  runs: runRuns,
  sqlite: runSqlite,
  postgres: runPostgres,
  behaviour: runBehaviour,
  storm: runStorm,
  charts: drawCharts,
}

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.find((part) => !Object.hasOwn(parts, part))
if (unknown !== undefined) {
  console.error(`There is no part "${unknown}". There are: ${Object.keys(parts).join(', ')}.`)
  process.exit(2)
}
for (const [part, run] of Object.entries(parts)) {
  if (positionals.length === 0 || positionals.includes(part)) await run(values)
}
