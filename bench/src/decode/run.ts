import { spawnSync } from 'node:child_process'
import { buildPackages, compileProgram } from '../build.js'
import { nodeVersions } from '../node-versions.js'
import { atLeast, type Budget, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { geometricMean, median } from '../report/statistics.js'
import { number, printTable } from '../report/table.js'
import type { DecodeMeasurement } from './decode-process.js'
import { leastWork, type Subject, subjects } from './subjects.js'
import { type WorkloadName, workloadNames } from './workloads.js'

export interface DecodeRow {
  readonly node: string
  readonly subject: string
  readonly workload: WorkloadName
  readonly runs: readonly DecodeMeasurement[]
}

export async function runDecode({ quick }: { quick: boolean }): Promise<void> {
  buildPackages('core')
  const program = await compileProgram('decode/decode-process')
  const rows: DecodeRow[] = []
  for (const { version, path } of nodeVersions(24)) {
    for (const workload of workloadNames) {
      process.stderr.write(`decode: ${version}, ${workload} … `)
      const begin = performance.now()
      rows.push(...measure(path, program, quick, workload).map((row) => ({ ...row, node: version })))
      process.stderr.write(`${((performance.now() - begin) / 1e3).toFixed(1)} s\n`)
    }
  }
  const versions = [...new Set(rows.map(({ node }) => node))]
  for (const version of versions) printRows(version, rows)
  const budgets = versions.flatMap((version) => judge(version, rows))
  printBudgets(budgets)
  writeResults('decode', quick, rows, budgets)
}

/** Runs all subjects on one workload in turn, each time in a new process. */
function measure(node: string, program: string, quick: boolean, workload: WorkloadName): Omit<DecodeRow, 'node'>[] {
  const runs = quick ? 1 : 5
  const measured = new Map<Subject, DecodeMeasurement[]>(subjects.map((subject) => [subject, []]))
  for (let run = 0; run < runs; run++) {
    for (const [subject, measurements] of measured) {
      if (run > 0 && !subject.main) continue
      const budgetMs = quick ? 50 : subject.main ? 300 : 150
      const { status, stdout } = spawnSync(node, [program, subject.name, workload, String(budgetMs)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      if (status !== 0) throw new Error(`${subject.name} failed on ${workload}.`)
      measurements.push(JSON.parse(stdout) as DecodeMeasurement)
    }
  }
  return [...measured].map(([subject, runs]) => ({ subject: subject.name, workload, runs }))
}

export function speed(rows: readonly DecodeRow[], node: string, subject: string, workload: WorkloadName): number {
  const row = rows.find((each) => each.node === node && each.subject === subject && each.workload === workload)
  return median(row?.runs.map(({ megabytesPerSecond }) => megabytesPerSecond) ?? [])
}

function printRows(version: string, rows: readonly DecodeRow[]): void {
  printTable(
    `Decoding, MB/s, Node.js ${version} (✗: what came out is wrong)`,
    ['', ...workloadNames],
    subjects.map(({ name }) => [
      name,
      ...workloadNames.map((workload) => {
        const row = rows.find((each) => each.node === version && each.subject === name && each.workload === workload)
        const correct = row?.runs.every((run) => run.correct)
        return `${correct ? '' : '✗ '}${number(speed(rows, version, name, workload))}`
      }),
    ]),
  )
}

function judge(version: string, rows: readonly DecodeRow[]): Budget[] {
  const peers = subjects.filter(({ main, name }) => main && name !== 'rivulet' && name !== leastWork)
  const ratiosOf = (subject: string) =>
    workloadNames.map((workload) => {
      const best = Math.max(...peers.map(({ name }) => speed(rows, version, name, workload)))
      return speed(rows, version, subject, workload) / best
    })
  const ratios = ratiosOf('rivulet')
  const least = number(geometricMean(ratiosOf(leastWork)))
  const unit = '× the better eventsource-parser'
  const mean = version.startsWith('v20.') ? 2 : 1.3
  return [
    ...ratios.map((ratio, index) => atLeast(`decode ${workloadNames[index]}, ${version}`, ratio, 1, unit)),
    atLeast(`decode, geometric mean, ${version} (least work: ${least})`, geometricMean(ratios), mean, unit),
  ]
}
