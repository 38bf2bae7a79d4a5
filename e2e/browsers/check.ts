import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Browser, EngineName, LaunchOptions, Tab } from '../../test-support/browsers/driver.js'
import type { Had, StreamSettings } from './page.js'
import type { Site, SiteOptions } from './site.js'

/** Environment of a check. Its sites and tabs are closed after it. */
export interface Lab {
  readonly engine: EngineName
  readonly browser: Browser
  site(options?: SiteOptions): Promise<Site>
  /** Opens a tab. */
  open(url: string): Promise<Tab>
  /** Starts another browser of the same engine, with its own profile. */
  launch(options: LaunchOptions): Promise<Browser>
}

/** One behavior that must work in a browser. */
export interface Check {
  /** Name on the compatibility page. */
  readonly name: string
  /** Takes about a second, and is part of `npm test`. */
  readonly quick?: boolean
  /** Reasons why an engine, or its driver, cannot be checked. Engines without a reason must pass. */
  readonly exceptions?: Partial<Record<EngineName, string>>
  /** Remarks about engines that pass. */
  readonly notes?: Partial<Record<EngineName, string>>
  run(lab: Lab): Promise<void>
}

/** Checks of one subject. */
export interface CheckGroup {
  readonly name: string
  readonly checks: readonly Check[]
}

/** Opens a stream in a tab. Resolves when the server has it, so that the next event arrives. */
export async function openStream(tab: Tab, settings: StreamSettings): Promise<void> {
  await tab.evaluate((given) => window.lab.open(given), settings)
  await isOpen(tab)
}

export async function isOpen(tab: Tab, index = -1): Promise<void> {
  await until(tab, (at) => window.lab.streams.at(at)?.had.status === 'open', index)
}

/** Waits for a condition in a page. */
// biome-ignore lint/suspicious/noExplicitAny: see `PageFunction`
export async function until<Args extends any[]>(
  tab: Tab,
  holds: (...args: Args) => boolean,
  ...args: Args
): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await tab.evaluate(holds, ...args))) {
    if (Date.now() > deadline) {
      const streams = await tab.evaluate(() =>
        JSON.stringify(window.lab?.streams.map(({ had }) => had)).slice(0, 2_000),
      )
      throw new Error(`Condition not met: ${holds} with ${JSON.stringify(args)}. The page's streams: ${streams}`)
    }
    await sleep(30)
  }
}

export function hadOf(tab: Tab, index = -1): Promise<Had> {
  return tab.evaluate((at) => window.lab.streams.at(at)!.had, index)
}

/** Waits for everything that was published, and expects it once, in order and without a gap. */
export async function expectAll(tab: Tab, site: Site, { from = 1, index = -1 } = {}): Promise<Had> {
  await until(tab, (at, last) => window.lab.streams.at(at)!.had.received.at(-1) === last, index, site.published)
  const had = await hadOf(tab, index)
  expect(had.received).toEqual(numbers(from, site.published))
  expect(had.gaps).toEqual([])
  return had
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** Publishes a number every few milliseconds until the returned function is called. */
export function keepPublishing(site: Site, everyMs = 5): () => void {
  const timer = setInterval(() => site.publish(1), everyMs)
  return () => clearInterval(timer)
}
