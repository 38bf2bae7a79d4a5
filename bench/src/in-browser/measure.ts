import type { Browser, Engine, EngineName } from '../../../test-support/browsers/driver.js'

/** The measurements of one subject in one engine, one for each run. */
export interface BrowserRuns<Subject, Measured> {
  readonly engine: EngineName
  readonly subject: Subject
  readonly runs: readonly Measured[]
}

/** Measures all subjects in all engines, in turns. */
export async function measureInBrowsers<Subject extends string, Measured>(
  part: string,
  engines: readonly Engine[],
  subjects: readonly Subject[],
  runs: number,
  measure: (browser: Browser, subject: Subject) => Promise<Measured>,
): Promise<BrowserRuns<Subject, Measured>[]> {
  const all: BrowserRuns<Subject, Measured>[] = []
  for (const engine of engines) {
    const measured = new Map<Subject, Measured[]>(subjects.map((subject) => [subject, []]))
    for (let run = 0; run < runs; run++) {
      process.stderr.write(`${part}: ${engine.name}, run ${run + 1} of ${runs}\n`)
      for (const [subject, results] of measured) {
        // A new browser each time, so that none has the caches of another subject.
        const browser = await engine.launch()
        results.push(await measure(browser, subject))
        await browser.close()
      }
    }
    for (const [subject, results] of measured) all.push({ engine: engine.name, subject, runs: results })
  }
  return all
}
