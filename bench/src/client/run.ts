import { spawnSync } from 'node:child_process'
import { buildPackages, compileProgram } from '../build.js'
import { atLeast, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { median } from '../report/statistics.js'
import { printTable } from '../report/table.js'
import type { ClientMeasurement } from './client-process.js'
import { subjects } from './subjects.js'

export interface ClientRow {
  readonly subject: string
  readonly runs: readonly ClientMeasurement[]
}

export async function runClient({ quick }: { quick: boolean }): Promise<void> {
  buildPackages('client')
  const program = await compileProgram('client/client-process')
  const runs = quick ? 1 : 5
  const measured = new Map<string, ClientMeasurement[]>(subjects.map(({ name }) => [name, []]))
  for (let run = 0; run < runs; run++) {
    process.stderr.write(`client: run ${run + 1} of ${runs}\n`)
    for (const [name, measurements] of measured) {
      const { status, stdout } = spawnSync(process.execPath, [program, name, quick ? '50' : '500'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      if (status !== 0) throw new Error(`${name} failed.`)
      measurements.push(JSON.parse(stdout) as ClientMeasurement)
    }
  }
  const rows: ClientRow[] = [...measured].map(([subject, runs]) => ({ subject, runs }))
  const rate = (name: string) => median(measured.get(name)?.map(({ eventsPerSecond }) => eventsPerSecond) ?? [])
  printTable(
    'Bytes to handler, thousand events per second',
    ['', 'thousand/s', '× eventsource'],
    subjects.map(({ name }) => [name, rate(name) / 1e3, rate(name) / rate('eventsource 4.1.1 + JSON.parse')]),
  )
  const budgets = [
    atLeast(
      'typed handler',
      rate('rivulet, on') / rate('eventsource-client 1.2.0, onMessage + JSON.parse'),
      1,
      '× eventsource-client onMessage + JSON.parse',
    ),
    atLeast(
      'raw messages',
      rate('rivulet, onMessage') / rate('eventsource-client 1.2.0, onMessage'),
      1,
      '× eventsource-client onMessage',
    ),
    atLeast('iterator', rate('rivulet, for await') / rate('rivulet, on'), 0.3, '× the handler'),
  ]
  printBudgets(budgets)
  writeResults('client', quick, rows, budgets)
}
