import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DecodeRow, speed } from './decode/run.js'
import { workloadNames } from './decode/workloads.js'
import { imagesFolder, outputFolder, resultsFolder } from './paths.js'
import { type Bar, barChart, type Panel } from './report/bar-chart.js'
import { type Results, readResults } from './report/results.js'
import { number } from './report/table.js'
import { over, type ServerResults } from './server/report.js'
import { subjects } from './server/subject-names.js'

/** Draws what the last full run measured, or with `--quick` the last quick one, for those parts that were run. */
export function drawCharts({ quick }: { quick: boolean }): void {
  const source = quick ? outputFolder : resultsFolder
  const target = quick ? outputFolder : imagesFolder
  mkdirSync(target, { recursive: true })
  const server = readResults<ServerResults>(join(source, 'server.json'))
  const decode = readResults<DecodeRow[]>(join(source, 'decode.json'))
  if (server) write(join(target, 'bench-server.svg'), serverChart(server))
  if (decode) write(join(target, 'bench-decode.svg'), decodeChart(decode))
  if (!server && !decode) console.log(`There is nothing to draw in ${source}: run server or decode first.`)
}

function serverChart(results: Results<ServerResults>): string {
  const { scale, steady, burst, many } = results.measured
  const panel = (title: string, value: (subject: (typeof subjects)[number]) => number): Panel => ({
    title,
    bars: subjects.map((subject): Bar => ({ label: subject, value: value(subject), own: subject === 'rivulet' })),
  })
  return barChart(
    'Server: what each event costs for each client (shorter is better)',
    noteOf(results, 'floor: bare node:http that writes bytes framed beforehand'),
    [
      panel(`CPU µs, 1 event per 10 ms to ${scale.connections.toLocaleString('en-US')} clients`, (subject) =>
        over(steady[subject], (run) => run.cpuMicrosPerDelivery),
      ),
      panel(`CPU µs, 50 events per 10 ms to ${scale.connections.toLocaleString('en-US')} clients`, (subject) =>
        over(burst[subject], (run) => run.cpuMicrosPerDelivery),
      ),
      panel(`RSS KiB per idle connection, of ${scale.many.toLocaleString('en-US')}`, (subject) =>
        over(many[subject], ({ memory }) => memory.rssPerConnection / 1024),
      ),
    ],
    number,
  )
}

const workloadTitles: Record<(typeof workloadNames)[number], string> = {
  tokens: 'tokens of a language model, 120 B',
  json: 'JSON of 4 KiB',
  lines: 'CRLF, many lines, chunks of 1 to 200 B',
  cr: 'CR only',
  cjk: 'Chinese',
}

function decodeChart(results: Results<DecodeRow[]>): string {
  const rows = results.measured
  const node = [...new Set(rows.map((row) => row.node))].at(-1) ?? ''
  const shown = ['rivulet', 'eventsource-parser 4.1.3', 'eventsource-parser 3.1.1']
  return barChart(
    'Decoding: MB/s from bytes to events (longer is better)',
    noteOf(results, `on Node.js ${node}`),
    workloadNames.map((workload) => ({
      title: workloadTitles[workload],
      bars: shown.map((subject) => ({
        label: subject,
        value: speed(rows, node, subject, workload),
        own: subject === 'rivulet',
      })),
    })),
    number,
  )
}

function noteOf({ machine, date }: Results<unknown>, what: string): string {
  return `${what} · ${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, ${date.slice(0, 10)}`
}

function write(file: string, chart: string): void {
  writeFileSync(file, chart)
  console.log(`→ ${file}`)
}
