import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ClusterResults, nodeMicrosPerDelivery } from './cluster/report.js'
import { type SubjectName as ClusterSubjectName, subjects as clusterSubjects } from './cluster/subject-names.js'
import { type DecodeRow, speed } from './decode/run.js'
import { workloadNames } from './decode/workloads.js'
import { imagesFolder, outputFolder, resultsFolder } from './paths.js'
import { type AreaPanel, areaChart } from './report/area-chart.js'
import { type Bar, barChart, type Panel } from './report/bar-chart.js'
import { type Results, readResults } from './report/results.js'
import { median } from './report/statistics.js'
import { number } from './report/table.js'
import { over, type ServerResults } from './server/report.js'
import { subjects } from './server/subject-names.js'
import { type CoalescingResults, modes, type Pacing, paced } from './server/unequal/coalescing.js'
import type { StormCourse } from './storm/run.js'
import { mainThread, pageNames, perSecond, type TableRow } from './table/run.js'

/** Draws the results of the last full run, or with `--quick` of the last quick one, for the parts that were run. */
export function drawCharts({ quick }: { quick: boolean }): void {
  const source = quick ? outputFolder : resultsFolder
  const target = quick ? outputFolder : imagesFolder
  mkdirSync(target, { recursive: true })
  const server = readResults<ServerResults>(join(source, 'server.json'))
  const coalescing = readResults<CoalescingResults>(join(source, 'coalescing.json'))
  const decode = readResults<DecodeRow[]>(join(source, 'decode.json'))
  const cluster = readResults<ClusterResults>(join(source, 'cluster.json'))
  const storm = readResults<StormCourse[]>(join(source, 'storm.json'))
  const table = readResults<TableRow[]>(join(source, 'table.json'))
  if (server) write(join(target, 'bench-server.svg'), serverChart(server))
  if (coalescing) write(join(target, 'bench-coalescing.svg'), coalescingChart(coalescing))
  if (decode) write(join(target, 'bench-decode.svg'), decodeChart(decode))
  if (cluster) write(join(target, 'bench-cluster.svg'), clusterChart(cluster))
  if (storm) write(join(target, 'bench-storm.svg'), stormChart(storm))
  if (table) write(join(target, 'bench-table.svg'), tableChart(table))
  if (!server && !coalescing && !decode && !cluster && !storm && !table)
    console.log(`Nothing to draw in ${source}: run server, coalescing, decode, cluster, storm or table first.`)
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

function coalescingChart(results: Results<CoalescingResults>): string {
  const { connections, intervalsMs } = results.measured.scale
  const panel = (title: string, value: keyof Pacing): Panel => ({
    title,
    bars: intervalsMs.flatMap((ms) =>
      modes.map((mode): Bar => {
        const coalesces = mode === 'coalescing'
        const label = `${(1_000 / ms).toLocaleString('en-US')}/s${coalesces ? ', coalescing' : ''}`
        return { label, value: paced(results.measured, ms, mode, value), own: coalesces }
      }),
    ),
  })
  return barChart(
    'Coalescing: CPU and latency over the number of events (shorter is better)',
    noteOf(results, 'the same server without and with coalescing'),
    [
      panel(`CPU µs per delivery, ${connections.toLocaleString('en-US')} clients`, 'cpuMicrosPerDelivery'),
      panel('ms from publish to client, p50', 'p50'),
      panel('the same, p99', 'p99'),
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

function tableChart(results: Results<TableRow[]>): string {
  const rows = results.measured
  const engines = [...new Set(rows.map(({ engine }) => engine))]
  return barChart(
    `A table of 100 rows at ${perSecond.toLocaleString('en-US')} events a second (shorter is better)`,
    noteOf(results, 'naive: EventSource, JSON.parse and a state'),
    engines.map((engine) => ({
      title: `${engine}: µs of the page's main thread for each event`,
      bars: pageNames.map((page) => ({
        label: page.replace(' a second', '/s'),
        value: mainThread(rows, engine, page),
        own: page.includes('rivulet'),
      })),
    })),
    number,
  )
}

function clusterChart(results: Results<ClusterResults>): string {
  const { scale, steady, climb } = results.measured
  const bars = (measured: (subject: ClusterSubjectName) => Pick<Bar, 'value' | 'note'>): Bar[] =>
    clusterSubjects.map((subject) => ({ label: subject, own: subject.startsWith('rivulet'), ...measured(subject) }))
  const clients = `${scale.connectionsPerNode.toLocaleString('en-US')} clients a node`
  return barChart(
    'Nodes that share events by Redis, all on one machine with their clients',
    noteOf(results, 'one publisher, one channel'),
    [
      {
        title: `node CPU µs for each delivery, ${scale.perSecond} events a second to ${clients} (shorter is better)`,
        bars: bars((subject) => ({ value: median(steady[subject].map(nodeMicrosPerDelivery)) })),
      },
      {
        title: `events a second that ${clients} keep up with (longer is better)`,
        bars: bars((subject) => {
          const { perSecond, best, failed } = climb[subject]
          return { value: perSecond, note: best ? undefined : `below ${number(failed?.perSecond ?? 0)}` }
        }),
      },
    ],
    number,
  )
}

function stormChart(results: Results<StormCourse[]>): string {
  const limit = Math.max(...results.measured.map(({ acceptPerSecond }) => acceptPerSecond))
  const courses = results.measured.filter(({ acceptPerSecond }) => acceptPerSecond === limit)
  const panel = (own: StormCourse['policy'], title: (retryMs: string) => string): AreaPanel => {
    const shown = courses.filter(({ policy }) => policy === own || policy === 'fixed 3 s')
    const retryMs = shown.find(({ policy }) => policy === own)?.retryMs?.toLocaleString('en-US') ?? ''
    return {
      title: title(retryMs),
      limit: { label: 'what the servers accept', value: limit },
      areas: shown
        .map(({ policy, attempts }) => ({ label: policy, values: attempts, own: policy === own }))
        .sort((one, other) => Number(one.own) - Number(other.own)),
    }
  }
  return areaChart(
    'A million clients lose their servers in one moment: attempts to connect each second',
    'A simulation with a seed. The servers answer again after 10 s; what is beyond what they accept fails, and is tried again.',
    [
      panel('rivulet', (retryMs) => `The default: retryMs ${retryMs}`),
      panel(
        'rivulet, wide retryMs',
        (retryMs) => `retryMs ${retryMs}: twice the clients over the connections that are accepted a second`,
      ),
    ],
    (attempts) => attempts.toLocaleString('en-US'),
  )
}

function noteOf({ machine, date }: Results<unknown>, what: string): string {
  return `${what} · ${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, ${date.slice(0, 10)}`
}

function write(file: string, chart: string): void {
  writeFileSync(file, chart)
  console.log(`→ ${file}`)
}
