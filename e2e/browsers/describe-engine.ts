import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import type { Browser, Engine } from '../../test-support/browsers/driver.js'
import type { Lab } from './check.js'
import { allChecks } from './matrix.js'
import { type Outcomes, writeResults } from './results.js'
import { buildScripts, createSite } from './site.js'

// `npm run test:browsers` runs all checks, and updates the results with `--update`. `npm test` runs the quick checks.
const all = process.env.RIVULET_BROWSERS !== undefined
const updates = process.env.RIVULET_BROWSERS === 'update'

/** Runs the checks in one engine. Checks that do not apply appear as skipped, with the reason. */
export function describeEngine(engine: Engine): void {
  describe.skipIf(!engine.installed)(engine.name, () => {
    let scripts: ReadonlyMap<string, string>
    let browser: Browser
    const outcomes: Outcomes = {}
    const opened: { close(): Promise<unknown> }[] = []

    beforeAll(async () => {
      ;[scripts, browser] = await Promise.all([buildScripts(), engine.launch()])
    })
    afterAll(async () => {
      if (updates) writeResults(engine.name, browser.version, outcomes)
      await browser?.close()
    })

    afterEach(async () => {
      // A crashed page cannot be closed.
      for (const each of opened.splice(0).reverse()) await each.close().catch(() => {})
    })

    async function closedAfterwards<T extends { close(): Promise<unknown> }>(opening: Promise<T>): Promise<T> {
      const each = await opening
      opened.push(each)
      return each
    }

    const lab = (): Lab => ({
      engine: engine.name,
      browser,
      site: (options) => closedAfterwards(createSite(scripts, options)),
      open: (url) => closedAfterwards(browser.open(url)),
      launch: (options) => closedAfterwards(engine.launch(options)),
    })

    for (const { id, quick, exceptions, run } of allChecks) {
      const reason = exceptions?.[engine.name]
      if (reason) {
        outcomes[id] = 'excepted'
        it.skip(`${id} (${reason})`)
      } else if (all || quick) {
        it(id, async () => {
          outcomes[id] = 'failed'
          await run(lab())
          outcomes[id] = 'passed'
        })
      }
    }
  })
}
