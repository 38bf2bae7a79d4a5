import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { chromiumArgs } from './browsers/chromium-args.js'

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

/** `true` if this machine has a browser for tests. `npm test` installs one where it can, and warns where it cannot. */
export const hasChromium: boolean = existsSync(executablePath)

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: chromiumArgs,
  })
}
