import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../test-support/free-port.js'
import { root } from '../../test-support/root.js'
import { type Block, codeBlocks } from '../code-blocks.js'
import { ServerProcess } from './server-process.js'

/** Without colours, so that an address in a server's output is in one piece; what npm has already is not asked for again. */
const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, npm_config_prefer_offline: 'true' }

/**
 * Follows pages of docs/start in a folder, each step as it stands there. Only where the packages come from differs, and the
 * ports: the page's may be taken here.
 */
export class Reader {
  readonly #folder: string
  readonly #tarballs: Record<string, string>
  readonly #ports = new Map<string, number>()

  constructor(folder: string, tarballs: Record<string, string>) {
    this.#folder = folder
    this.#tarballs = tarballs
  }

  /** Takes all steps. The last command of a page starts a server: resolves when that listens. */
  async follow(name: string): Promise<FollowedPage> {
    const page = await this.#withFreePorts(await readFile(join(root, `docs/start/${name}.md`), 'utf8'))
    const steps = stepsOf(page)
    const last = steps.filter(({ language }) => language === 'sh').at(-1)
    if (!last) throw new Error(`docs/start/${name}.md has no steps, which are the blocks under numbered headings.`)
    for (const step of steps) {
      if (step === last) continue
      if (step.language === 'sh') await this.#run(step.text)
      else await this.#write(step)
    }
    const [address] = /(?<=curl -N |Open <)http:[^`>]+/.exec(page)!
    const commands = last.text.trim().split('\n')
    const command = commands.pop()!
    await this.#run(commands.join('\n'))
    const server = new ServerProcess(command, this.#folder, env, new URL(address).origin)
    await server.start()
    return { address, server }
  }

  async #withFreePorts(page: string): Promise<string> {
    for (const port of ['3000', '5173']) {
      if (!this.#ports.has(port)) this.#ports.set(port, await freePort())
    }
    return page
      .replaceAll(/\b(3000|5173)\b/g, (port) => String(this.#ports.get(port)))
      .replaceAll(/^npx vite$/gm, `npx vite --port=${this.#ports.get('5173')} --strictPort`)
  }

  async #run(script: string): Promise<void> {
    const withTarballs = script.replaceAll(/@rivulet\/[\w-]+/g, (name) => this.#tarballs[name]!)
    await promisify(execFile)('sh', ['-ec', withTarballs], { cwd: this.#folder, env })
  }

  /** Writes the file that the first line of the block names. */
  async #write({ text, line }: Block): Promise<void> {
    const name = /^(?:\/\/|<!--) ([\w./-]+)/.exec(text)?.[1]
    if (!name) throw new Error(`The block of line ${line} does not say which file it is.`)
    const file = join(this.#folder, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }
}

export interface FollowedPage {
  /** Where the page says that one sees what it made. */
  readonly address: string
  readonly server: ServerProcess
}

/** The blocks under headings that begin with a number. */
function stepsOf(page: string): Block[] {
  return page
    .split(/^## /m)
    .filter((section) => /^\d+\. /.test(section))
    .flatMap(codeBlocks)
}
