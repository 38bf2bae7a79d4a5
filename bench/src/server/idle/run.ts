import { buildPackages, compileProgram } from '../../build.js'
import { type NodeVersion, nodeVersions } from '../../node-versions.js'
import { atMost, type Budget, printBudgets } from '../../report/budget.js'
import { writeResults } from '../../report/results.js'
import { median } from '../../report/statistics.js'
import { printTable } from '../../report/table.js'
import { type Memory, type Programs, Trial } from '../trial.js'

const subjects = ['rivulet', 'floor'] as const
type Subject = (typeof subjects)[number]

interface IdleRow {
  readonly node: string
  readonly runs: Readonly<Record<Subject, readonly Memory[]>>
}

const kib = 1024

/** The memory of idle connections on each supported Node.js. */
export async function runIdle({ quick }: { quick: boolean }): Promise<void> {
  const connections = quick ? 500 : 9_000
  buildPackages('server')
  const programs: Programs = {
    server: await compileProgram('server/server-process'),
    load: await compileProgram('server/load-process'),
  }
  const rows: IdleRow[] = []
  for (const node of nodeVersions(20, 22, 24, 26)) {
    const runs: Record<Subject, Memory[]> = { rivulet: [], floor: [] }
    for (let run = 0; run < (quick ? 1 : 3); run++) {
      for (const subject of subjects) {
        process.stderr.write(`idle: Node.js ${node.version}, run ${run + 1}, ${subject} … `)
        const begin = performance.now()
        runs[subject].push(await measure(programs, subject, node, connections))
        process.stderr.write(`${((performance.now() - begin) / 1e3).toFixed(1)} s\n`)
      }
    }
    rows.push({ node: node.version, runs })
  }
  const budgets = rows.flatMap(judge)
  for (const row of rows) printRow(row, connections)
  printBudgets(budgets)
  writeResults('idle', quick, { connections, rows }, budgets)
}

async function measure(programs: Programs, subject: Subject, node: NodeVersion, connections: number): Promise<Memory> {
  const trial = new Trial(programs, subject, node.path)
  try {
    return await trial.idleMemory(connections)
  } finally {
    trial.end()
  }
}

function over({ runs }: IdleRow, subject: Subject, value: keyof Memory): number {
  return median(runs[subject].map((memory) => memory[value]))
}

function heapRatio(row: IdleRow): number {
  return over(row, 'rivulet', 'heapPerConnection') / over(row, 'floor', 'heapPerConnection')
}

/** The RSS of other versions differs more: Node.js itself takes more from the system with each. */
function judge(row: IdleRow): Budget[] {
  const heap = atMost(`heap per idle connection, ${row.node}`, heapRatio(row), 0.7, '× floor')
  if (!row.node.startsWith('v20.')) return [heap]
  return [
    heap,
    atMost(`RSS per idle connection, ${row.node}`, over(row, 'rivulet', 'rssPerConnection') / kib, 7, 'KiB'),
  ]
}

function printRow(row: IdleRow, connections: number): void {
  printTable(
    `Memory per idle connection, ${connections} connections, Node.js ${row.node}`,
    ['', 'heap KiB', '× floor', 'RSS KiB'],
    subjects.map((subject) => [
      subject,
      over(row, subject, 'heapPerConnection') / kib,
      over(row, subject, 'heapPerConnection') / over(row, 'floor', 'heapPerConnection'),
      over(row, subject, 'rssPerConnection') / kib,
    ]),
  )
}
