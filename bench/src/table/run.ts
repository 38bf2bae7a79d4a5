import type { Browser, EngineName, Tab } from '../../../test-support/browsers/driver.js'
import { chromiumEngine, firefoxEngine } from '../../../test-support/browsers/puppeteer-engine.js'
import { mainThreadNanos, processOf } from '../../../test-support/browsers/tab-process.js'
import { buildPackages } from '../build.js'
import { measureInBrowsers } from '../in-browser/measure.js'
import { until } from '../in-browser/until.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { median } from '../report/statistics.js'
import { printTable } from '../report/table.js'
import { servePage } from './page-server.js'
import type {} from './rows.js'

const pages = {
  'react, rivulet': { source: 'react-rivulet.tsx', throttleMs: 0 },
  'react, rivulet, 20 a second': { source: 'react-rivulet.tsx', throttleMs: 50 },
  'react, naive': { source: 'react-naive.tsx', throttleMs: 0 },
  'vue, rivulet': { source: 'vue-rivulet.ts', throttleMs: 0 },
  'vue, rivulet, 20 a second': { source: 'vue-rivulet.ts', throttleMs: 50 },
  'vue, naive': { source: 'vue-naive.ts', throttleMs: 0 },
} as const

export type PageName = keyof typeof pages
export const pageNames: readonly PageName[] = Object.keys(pages) as PageName[]

/** The cost of one page in one engine. */
export interface TableRow {
  readonly engine: EngineName
  readonly page: PageName
  /** Microseconds of the main thread for each event, in each run. */
  readonly micros: readonly number[]
  /** The part of them for styles and layout, if the browser tells. */
  readonly layoutMicros: readonly number[]
}

interface Cost {
  readonly micros: number
  readonly layoutMicros: number | undefined
}

/** Events a second. */
export const perSecond = 5_000

/** Measures what a table that follows a stream costs its page's main thread, beside a page on `EventSource`. */
export async function runTable({ quick }: { quick: boolean }): Promise<void> {
  buildPackages('react', 'vue', 'server')
  const engines = [chromiumEngine, firefoxEngine].filter(({ installed }) => installed)
  const measured = await measureInBrowsers('table', engines, pageNames, quick ? 1 : 3, (browser, page) =>
    measure(browser, page, quick ? 1 : 6),
  )
  const rows = measured.map(
    ({ engine, subject, runs }): TableRow => ({
      engine,
      page: subject,
      micros: runs.map(({ micros }) => micros),
      layoutMicros: runs.flatMap(({ layoutMicros }) => layoutMicros ?? []),
    }),
  )
  printTable(
    `A table of 100 rows at ${perSecond.toLocaleString('en-US')} events a second: µs of the main thread for each event`,
    ['', ...engines.map(({ name }) => name)],
    pageNames.map((page) => [page, ...engines.map(({ name }) => mainThread(rows, name, page))]),
  )
  printTable(
    'The same in Chromium, by kind of work',
    ['', 'styles and layout', 'scripts, paint and all else'],
    rows
      .filter(({ layoutMicros }) => layoutMicros.length > 0)
      .map(({ page, micros, layoutMicros }) => [page, median(layoutMicros), median(micros) - median(layoutMicros)]),
  )
  const budgets = engines.flatMap(({ name }) =>
    (['react', 'vue'] as const).map((framework) =>
      atMost(
        `a table with ${framework}, ${name}`,
        mainThread(rows, name, `${framework}, rivulet`) / mainThread(rows, name, `${framework}, naive`),
        0.8,
        '× EventSource and a state',
      ),
    ),
  )
  printBudgets(budgets)
  writeResults('table', quick, rows, budgets)
}

/** Microseconds of the main thread for each event. */
export function mainThread(rows: readonly TableRow[], engine: EngineName, page: PageName): number {
  return median(rows.find((row) => row.engine === engine && row.page === page)?.micros ?? [])
}

async function measure(browser: Browser, page: PageName, seconds: number): Promise<Cost> {
  const server = await servePage(pages[page].source, pages[page].throttleMs)
  try {
    const tab = await browser.open(server.url)
    await until(() => server.connections === 1)
    const pid = await processOf(browser, tab)
    // Lets the page compile its code first.
    const warmUp = perSecond
    await server.publish(perSecond, warmUp)
    await shows(tab, warmUp)
    const before = mainThreadNanos(pid)
    const layoutBefore = await tab.layoutSeconds?.()
    const count = perSecond * seconds
    await server.publish(perSecond, count)
    await shows(tab, warmUp + count)
    const micros = (mainThreadNanos(pid) - before) / 1e3 / count
    if (layoutBefore === undefined) return { micros, layoutMicros: undefined }
    return { micros, layoutMicros: ((await tab.layoutSeconds!()) - layoutBefore) * (1e6 / count) }
  } finally {
    await server.stop()
  }
}

function shows(tab: Tab, count: number): Promise<void> {
  return until(async () => (await tab.evaluate(() => window.shown)) === count)
}
