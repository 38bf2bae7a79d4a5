import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, EngineName } from '../../../test-support/browsers/driver.js'
import { chromiumEngine, firefoxEngine } from '../../../test-support/browsers/puppeteer-engine.js'
import { mainThreadNanos, processOf } from '../../../test-support/browsers/tab-process.js'
import { webkitEngine } from '../../../test-support/browsers/webkit-engine.js'
import { buildPackages } from '../build.js'
import { createWorkload } from '../client/workload.js'
import { measureInBrowsers } from '../in-browser/measure.js'
import { bundlePage } from '../in-browser/page.js'
import { until } from '../in-browser/until.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { median } from '../report/statistics.js'
import { printTable } from '../report/table.js'

const subjectNames = ['rivulet, validated', 'rivulet', 'EventSource'] as const
export type SubjectName = (typeof subjectNames)[number]

/** Validated events may cost this many times as much as those of a native `EventSource` with `JSON.parse`. */
const limits: Record<EngineName, number> = { Chromium: 0.19, Firefox: 0.32, WebKit: 1 }

/** Measures what an event costs the main thread of its page, beside a native `EventSource`. */
export async function runBrowsers({ quick }: { quick: boolean }): Promise<void> {
  buildPackages('client')
  const engines = [chromiumEngine, firefoxEngine, webkitEngine].filter(({ installed }) => installed)
  const page = await bundlePage('browsers/page.ts')
  const rows = await measureInBrowsers('browsers', engines, subjectNames, quick ? 1 : 5, (browser, subject) =>
    microsPerEvent(browser, page, subject, quick ? 1 : 5),
  )
  const cost = (engine: EngineName, subject: SubjectName) =>
    median(rows.find((row) => row.engine === engine && row.subject === subject)?.runs ?? [])
  printTable(
    'Bytes to handler: µs of the main thread for each event',
    ['', ...engines.map(({ name }) => name)],
    subjectNames.map((subject) => [subject, ...engines.map(({ name }) => cost(name, subject))]),
  )
  const budgets = engines.map(({ name }) =>
    atMost(
      `validated events, ${name}`,
      cost(name, 'rivulet, validated') / cost(name, 'EventSource'),
      limits[name],
      '× EventSource + JSON.parse',
    ),
  )
  printBudgets(budgets)
  writeResults('browsers', quick, rows, budgets)
}

/** Sends the workload in bursts. The first one, in which the page compiles its code, is not measured. */
async function microsPerEvent(browser: Browser, page: string, subject: SubjectName, bursts: number): Promise<number> {
  const { chunks, events } = createWorkload()
  let stream: ServerResponse | undefined
  const server = createServer((request, response) => {
    if (request.url === '/events') {
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
    } else response.setHeader('content-type', 'text/html').end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const tab = await browser.open(`http://127.0.0.1:${port}/#${encodeURIComponent(subject)}`)
    await until(() => stream !== undefined)
    const pid = await processOf(browser, tab)
    let sent = 0
    const burst = () => {
      for (const chunk of chunks) stream!.write(chunk)
      sent += events
      return until(async () => (await tab.evaluate(() => window.received)) === sent)
    }
    await burst()
    const before = mainThreadNanos(pid)
    for (let left = bursts; left > 0; left--) await burst()
    return (mainThreadNanos(pid) - before) / 1e3 / (bursts * events)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
