import { setTimeout as sleep } from 'node:timers/promises'

/** Speaks W3C WebDriver to a driver on a local port: https://www.w3.org/TR/webdriver2/ */
export class WebDriver {
  readonly #session: string
  readonly version: string

  private constructor(session: string, version: string) {
    this.#session = session
    this.version = version
  }

  /** Starts a session. The driver may still be starting. */
  static async start(port: number, capabilities: object): Promise<WebDriver> {
    const base = `http://127.0.0.1:${port}`
    const deadline = Date.now() + 20_000
    for (;;) {
      try {
        const value = await call('POST', `${base}/session`, { capabilities: { alwaysMatch: capabilities } })
        const { sessionId, capabilities: given } = value as {
          sessionId: string
          capabilities: { browserVersion: string }
        }
        return new WebDriver(`${base}/session/${sessionId}`, given.browserVersion)
      } catch (error) {
        // Refused: not listening yet.
        if (!(error instanceof TypeError) || Date.now() > deadline) throw error
        await sleep(50)
      }
    }
  }

  send(method: 'GET' | 'POST' | 'DELETE', path: string, body: object = {}): Promise<unknown> {
    return call(method, this.#session + path, body)
  }

  stop(): Promise<unknown> {
    return call('DELETE', this.#session)
  }
}

async function call(method: string, url: string, body: object = {}): Promise<unknown> {
  const init = method === 'POST' ? { method, body: JSON.stringify(body) } : { method }
  const response = await fetch(url, init)
  const { value } = (await response.json()) as { value: { error?: string; message?: string } | null }
  if (!response.ok) throw new Error(`WebDriver: ${value?.error}: ${value?.message} (${method} ${url})`)
  return value
}
