import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch, type Page, type LaunchOptions as PuppeteerOptions } from 'puppeteer-core'
import { chromiumArgs } from './chromium-args.js'
import type { Browser, Engine, EngineName, LaunchOptions, Tab } from './driver.js'

/** Differences between the engines that puppeteer drives. */
interface Settings {
  readonly path: string
  readonly options: PuppeteerOptions
  /** Prepares an empty profile in which sites may store nothing. */
  blockStorage(profile: string): Promise<PuppeteerOptions>
}

const chromium: Settings = {
  path: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  options: {
    browser: 'chrome',
    // With puppeteer's defaults, pages stay alive in the background, so none comes back from the cache.
    ignoreDefaultArgs: [
      '--disable-back-forward-cache',
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
    args: chromiumArgs,
  },
  async blockStorage(profile) {
    await mkdir(join(profile, 'Default'))
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } }
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences))
    return {}
  },
}

const firefox: Settings = {
  path: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr',
  options: {
    browser: 'firefox',
    extraPrefsFirefox: {
      // Puppeteer disables the back/forward cache.
      'fission.bfcacheInParent': true,
      // Tabs of one origin get separate processes, so that one of them can be stopped or killed.
      'dom.ipc.processCount.webIsolated': 4,
      'dom.ipc.processPrelaunch.enabled': false,
    },
  },
  blockStorage: async () => ({
    extraPrefsFirefox: { ...firefox.options.extraPrefsFirefox, 'network.cookie.cookieBehavior': 2 },
  }),
}

function puppeteerEngine(name: EngineName, { path, options, blockStorage }: Settings): Engine {
  return {
    name,
    installed: existsSync(path),
    async launch({ blockStorage: blocks = false }: LaunchOptions = {}): Promise<Browser> {
      const folder = await mkdtemp(join(tmpdir(), 'rivulet-browser-'))
      const profile = join(folder, 'profile')
      await mkdir(profile)
      const browser = await launch({
        executablePath: path,
        headless: true,
        acceptInsecureCerts: true,
        userDataDir: profile,
        env: { ...process.env, HOME: folder },
        ...options,
        ...(blocks ? await blockStorage(profile) : {}),
      })
      return {
        pid: browser.process()!.pid!,
        version: (await browser.version()).replace(/^.*\//, ''),
        async open(url) {
          const page = await browser.newPage()
          await page.goto(url)
          return name === 'Chromium' ? { ...tabOf(page), layoutSeconds: () => layoutSecondsOf(page) } : tabOf(page)
        },
        async close() {
          await browser.close()
          await rm(folder, { recursive: true, force: true, maxRetries: 5 })
        },
      }
    },
  }
}

function tabOf(page: Page): Tab {
  return {
    goto: async (url) => void (await page.goto(url)),
    reload: async () => void (await page.reload()),
    back: async () => void (await page.goBack()),
    evaluate: (run, ...args) => page.evaluate(run as never, ...args),
    async setFrozen(frozen) {
      const session = await page.createCDPSession()
      await session.send('Page.setWebLifecycleState', { state: frozen ? 'frozen' : 'active' })
    },
    close: () => page.close(),
  }
}

async function layoutSecondsOf(page: Page): Promise<number> {
  const { LayoutDuration = 0, RecalcStyleDuration = 0 } = await page.metrics()
  return LayoutDuration + RecalcStyleDuration
}

export const chromiumEngine: Engine = puppeteerEngine('Chromium', chromium)
export const firefoxEngine: Engine = puppeteerEngine('Firefox', firefox)
