import type { EventManager } from '@rivulet/server'
import type { events, Page } from '../shared/events.js'

const timeoutMs = 5_000

/** Reads `ip:port` pairs from pages, one page after the other, and publishes every step. */
export class Scraper {
  readonly #manager: EventManager<typeof events>
  #running = false

  constructor(manager: EventManager<typeof events>) {
    this.#manager = manager
  }

  /** `false` during a run. */
  start(urls: readonly string[]): boolean {
    if (this.#running) return false
    this.#running = true
    void this.#run(urls).finally(() => {
      this.#running = false
    })
    return true
  }

  async #run(urls: readonly string[]): Promise<void> {
    const found = new Set<string>()
    const pages: Page[] = []
    const tell = (status: 'running' | 'completed') =>
      this.#manager.emit(
        'scraping_progress',
        {
          status,
          progress: Math.round((pages.filter((page) => page.status !== undefined).length / urls.length) * 100),
          proxiesFound: found.size,
          pages,
        },
        { channel: 'scraping_progress' },
      )
    for (const url of urls) {
      pages.push({ url, found: 0 })
      tell('running')
      pages[pages.length - 1] = await readPage(url, found)
      tell('running')
    }
    tell('completed')
    const failed = pages.filter(({ status }) => status !== 200).length
    this.#manager.emit(
      'notification',
      {
        severity: failed > 0 ? 'notice' : 'good',
        message: `Scrape found ${found.size} proxies on ${urls.length - failed} of ${urls.length} pages.`,
      },
      { channel: 'notification' },
    )
  }
}

async function readPage(url: string, found: Set<string>): Promise<Page> {
  const startedAt = performance.now()
  const done = (status: number, count: number) => ({
    url,
    status,
    found: count,
    durationMs: Math.round(performance.now() - startedAt),
  })
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    const proxies = response.ok ? findProxies(await response.text()) : []
    for (const proxy of proxies) found.add(proxy)
    return done(response.status, proxies.length)
  } catch {
    return done(0, 0)
  }
}

/** Returns the distinct valid `ip:port` pairs of a text. */
export function findProxies(text: string): string[] {
  const matches = text.matchAll(/(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})(?!\d)/g)
  const valid = Array.from(matches).filter(
    ([, ip, port]) =>
      ip!.split('.').every((part) => Number(part) <= 255) && Number(port) >= 1 && Number(port) <= 65_535,
  )
  return [...new Set(valid.map(([pair]) => pair))]
}
