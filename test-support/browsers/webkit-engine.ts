import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { endProcess } from '../end-process.js'
import { freePort } from '../free-port.js'
import type { Browser, Engine, LaunchOptions, Tab } from './driver.js'
import { WebDriver } from './webdriver.js'

const driverPath = '/usr/bin/WebKitWebDriver'
const screenPath = '/usr/bin/Xvfb'
// Debian's folder is named after the machine's architecture.
const browserPath = readdirSync('/usr/lib')
  .map((folder) => join('/usr/lib', folder, 'webkit2gtk-4.1/MiniBrowser'))
  .find(existsSync)

/** WebKitGTK's MiniBrowser on a virtual screen, because it has no headless mode. */
export const webkitEngine: Engine = {
  name: 'WebKit',
  installed: browserPath !== undefined && existsSync(driverPath) && existsSync(screenPath),
  async launch({ blockStorage = false }: LaunchOptions = {}): Promise<Browser> {
    if (blockStorage) throw new Error('MiniBrowser cannot forbid storage.')
    const folder = await mkdtemp(join(tmpdir(), 'rivulet-browser-'))
    const screen = spawn(screenPath, ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    const [display] = (await once(createInterface(screen.stdio[3] as Readable), 'line')) as [string]
    const port = await freePort()
    const driver = spawn(driverPath, [`--port=${port}`], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DISPLAY: `:${display}`,
        HOME: folder,
        XDG_RUNTIME_DIR: folder,
        LIBGL_ALWAYS_SOFTWARE: '1',
        WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      },
    })
    const session = await WebDriver.start(port, {
      acceptInsecureCerts: true,
      timeouts: { script: 30_000 },
      'webkitgtk:browserOptions': { binary: browserPath, args: ['--automation'] },
    })
    const windows = new Windows(session)
    return {
      pid: driver.pid!,
      version: session.version,
      open: (url) => windows.open(url),
      async close() {
        await session.stop().catch(() => {})
        for (const child of [driver, screen] satisfies ChildProcess[]) await endProcess(child, 'SIGTERM')
        await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      },
    }
  },
}

/** The windows of one session, which runs one command at a time, in one current window. */
class Windows {
  readonly #session: WebDriver
  #last: Promise<unknown> = Promise.resolve()

  constructor(session: WebDriver) {
    this.#session = session
  }

  // The session ends with its last window, so the first one stays open and unused.
  async open(url: string): Promise<Tab> {
    const handle = await this.#inTurn(async () => {
      const [first] = (await this.#session.send('GET', '/window/handles')) as string[]
      await this.#session.send('POST', '/window', { handle: first })
      return ((await this.#session.send('POST', '/window/new', { type: 'window' })) as { handle: string }).handle
    })
    const send = (method: 'POST' | 'DELETE', path: string, body?: object) =>
      this.#inTurn(async () => {
        await this.#session.send('POST', '/window', { handle })
        return this.#session.send(method, path, body)
      })
    const tab: Tab = {
      goto: async (to) => void (await send('POST', '/url', { url: to })),
      reload: async () => void (await send('POST', '/refresh')),
      back: async () => void (await send('POST', '/back')),
      async evaluate(run, ...args) {
        const { result, error } = (await send('POST', '/execute/async', { script: inPage(run), args })) as never
        if (error !== undefined) throw new Error(error)
        return result
      },
      close: async () => void (await send('DELETE', '/window')),
    }
    await tab.goto(url)
    return tab
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }
}

/** Body of a script for `execute/async`: its last argument takes the result. */
const inPage = (run: unknown) => `
  const args = [...arguments]
  const done = args.pop()
  Promise.resolve().then(() => (${run})(...args)).then(
    (result) => done({ result }),
    (error) => done({ error: String(error) }),
  )`
