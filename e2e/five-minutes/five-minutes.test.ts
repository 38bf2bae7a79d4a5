import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { hasChromium, launchChromium } from '../../test-support/chromium.js'
import { codeBlocks, root } from '../code-blocks.js'
import { freePort } from '../example-process.js'
import { packPackages } from '../pack-packages.js'

const run = promisify(execFile)

/** Follows docs/start/express.md from an empty folder to a page that shows events, each step as it stands there. */
it.skipIf(!hasChromium)('the five-minute start does what it says', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rivulet-start-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const app = join(folder, 'app')
  await mkdir(app)
  const tarballs = packPackages(folder)
  const port = await freePort()

  const blocks = codeBlocks(await readFile(join(root, 'docs/start/express.md'), 'utf8'))
  const last = blocks.filter(({ language }) => language === 'sh').at(-1)!
  for (const { language, text } of blocks) {
    if (language === 'sh') {
      const script = text.replaceAll(/@rivulet\/[\w-]+/g, (name) => tarballs[name]!)
      if (text !== last.text) await run('sh', ['-ec', script], { cwd: app })
      else await startServer(app, script, port)
    } else {
      // The only thing that is not as on the page: another port, as the page's may be taken here.
      const [, name] = /^(?:\/\/|<!--) ([\w./-]+)/.exec(text)!
      await mkdir(join(app, dirname(name!)), { recursive: true })
      await writeFile(join(app, name!), text.replaceAll('3000', String(port)))
    }
  }

  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://localhost:${port}/`)
  await page
    .getByRole('listitem')
    .filter({ hasText: /^info: Line 1$/ })
    .waitFor()
  await page
    .getByRole('listitem')
    .filter({ hasText: /^info: Line 3$/ })
    .waitFor()
  expect(await page.getByRole('listitem').allTextContents()).toEqual(
    expect.arrayContaining(['info: Line 1', 'info: Line 2', 'info: Line 3']),
  )
})

/** Runs the commands, the last of which is a server. Resolves when it says that it listens. */
async function startServer(folder: string, script: string, port: number): Promise<void> {
  // A group of its own, so that it ends with all that it started.
  const shell = spawn('sh', ['-ec', script], { cwd: folder, detached: true, stdio: 'pipe' })
  onTestFinished(async () => {
    if (shell.exitCode !== null) return
    process.kill(-shell.pid!, 'SIGKILL')
    await once(shell, 'exit')
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const read = (text: Buffer) => {
      output += text
      if (output.includes(`Open http://localhost:${port}`)) resolve()
    }
    shell.stdout.on('data', read)
    shell.stderr.on('data', read)
    shell.once('exit', (code) => reject(new Error(`The last step ended with code ${code}:\n${output}`)))
  })
}
