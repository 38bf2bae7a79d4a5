import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { buildPackages, compileProgram } from '../build.js'
import { printTable } from '../report/table.js'
import type { Behaviour } from './behaviour-process.js'
import { scenarios } from './scenarios.js'
import { subjects } from './subjects.js'

/** Runs clients against a misbehaving server: rows of the docs' comparison. `--quick` does not make it shorter. */
export async function runBehaviour(): Promise<void> {
  buildPackages('client')
  const program = await compileProgram('behaviour/behaviour-process')
  const columns = await Promise.all(
    subjects.map(async ({ name }) => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, name])
      return JSON.parse(stdout) as Behaviour
    }),
  )
  printTable(
    'What clients make of a server that misbehaves',
    ['', ...subjects.map(({ name }) => name)],
    scenarios.map(({ name }, row) => [
      name,
      ...columns.map((verdicts) => `${verdicts[row]!.good ? 'yes' : 'no'} (${verdicts[row]!.seen})`),
    ]),
  )
}
