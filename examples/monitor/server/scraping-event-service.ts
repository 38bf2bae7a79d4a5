import { randomUUID } from 'node:crypto'
import type { PayloadOf } from '@rivulet/core'
import type { events, SourceState } from '../shared/events.js'
import type { Emit } from './emit.js'
import { type FetchSourceOptions, fetchSource } from './fetch-source.js'
import { extractProxies } from './proxy-extractor.js'

type Progress = PayloadOf<typeof events, 'scraping_progress'>

export interface ScrapingOptions extends Partial<Pick<FetchSourceOptions, 'timeoutMs' | 'maxBytes'>> {
  readonly emit: Emit
  /** Pages to read, in this order. Called for every run, because the demo sources are known only once the server is listening. */
  readonly sources: () => readonly string[]
  readonly onSourceError?: (url: string, reason: string) => void
  readonly onComplete?: (summary: { runId: string; proxies: number; failed: number; durationMs: number }) => void
}

/** Thrown if another run is in progress. */
export class ScrapeRunningError extends Error {
  readonly code = 'SCRAPE_RUNNING'
  constructor(readonly runId: string) {
    super(`Scraping run ${runId} is still under way. Wait for its "completed" event, then start another.`)
    this.name = 'ScrapeRunningError'
  }
}

/** Reads proxies from a list of pages, one page after the other, and publishes its progress as `scraping_progress` events. */
export class ScrapingEventService {
  readonly #options: ScrapingOptions
  readonly #stopped = new AbortController()
  #running: { runId: string; done: Promise<void> } | undefined
  #proxies: readonly string[] = []

  constructor(options: ScrapingOptions) {
    this.#options = options
  }

  /** Results of the last completed run, as `ip:port`. */
  get proxies(): readonly string[] {
    return this.#proxies
  }

  /**
   * Starts a run and returns its id at once; `done` settles with the run.
   *
   * @throws {ScrapeRunningError} if another run is in progress.
   */
  start(): { runId: string; done: Promise<void> } {
    if (this.#running) throw new ScrapeRunningError(this.#running.runId)
    const runId = randomUUID()
    const done = this.#run(runId).finally(() => {
      this.#running = undefined
    })
    this.#running = { runId, done }
    return this.#running
  }

  /** Aborts the current run without a further event. */
  stop(): void {
    this.#stopped.abort()
  }

  async #run(runId: string): Promise<void> {
    const { emit, onComplete, onSourceError } = this.#options
    const startedAt = performance.now()
    const elapsed = (): number => Math.round(performance.now() - startedAt)
    const found = new Set<string>()
    const sources: SourceState[] = this.#options.sources().map((url) => ({ url, status: 'waiting', proxies: 0 }))
    let done = 0
    const report = (status: Progress['status'], currentSource: string, error?: string): void => {
      const progress = status === 'completed' ? 100 : Math.round((done / sources.length) * 100)
      const state = sources.map((source) => ({ ...source }))
      const durationMs = elapsed()
      emit('scraping_progress', {
        runId,
        status,
        progress,
        proxiesFound: found.size,
        currentSource,
        sources: state,
        error,
        durationMs,
      })
    }

    report('started', '')
    for (const source of sources) {
      source.status = 'fetching'
      report('progress', source.url)
      const sourceStartedAt = performance.now()
      const outcome = await this.#read(source.url)
      if (this.#stopped.signal.aborted) return
      done++
      source.durationMs = Math.round(performance.now() - sourceStartedAt)
      if ('error' in outcome) {
        source.status = 'error'
        source.error = outcome.error
        onSourceError?.(source.url, outcome.error)
        report('error', source.url, outcome.error)
      } else {
        source.status = 'completed'
        source.proxies = outcome.proxies.length
        for (const proxy of outcome.proxies) found.add(proxy)
        report('progress', source.url)
      }
    }
    this.#proxies = [...found]
    report('completed', '')
    const failed = sources.filter(({ status }) => status === 'error').length
    onComplete?.({ runId, proxies: found.size, failed, durationMs: elapsed() })
  }

  async #read(url: string): Promise<{ proxies: string[] } | { error: string }> {
    const { timeoutMs = 5_000, maxBytes = 2 * 1024 * 1024 } = this.#options
    try {
      const page = await fetchSource(url, { timeoutMs, maxBytes, signal: this.#stopped.signal })
      return { proxies: extractProxies(page.body, page.contentType) }
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) }
    }
  }
}
