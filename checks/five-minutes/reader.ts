import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../test-support/free-port.js'
import { root } from '../../test-support/root.js'
import { type Block, codeBlocks } from '../code-blocks.js'
import { ServerProcess } from './server-process.js'

/** Without colors, so that addresses in a server's output are in one piece. npm uses its cache where it can. */
const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, npm_config_prefer_offline: 'true' }

/**
 * Follows pages of docs/start in a folder, step by step and word for word. Only the source of the packages and
 * the ports differ, because the page's ports may be taken.
 */
export class Reader {
  readonly #folder: string
  readonly #tarballs: Record<string, string>
  readonly #ports = new Map<string, number>()

  constructor(folder: string, tarballs: Record<string, string>) {
    this.#folder = folder
    this.#tarballs = tarballs
  }

  /** Takes all steps. Resolves when the server that the page's last command starts is listening. */
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

  /** Writes a block to the file that its first line names. */
  async #write({ text, line }: Block): Promise<void> {
    const name = /^(?:\/\/|<!--) ([\w./-]+)/.exec(text)?.[1]
    if (!name) throw new Error(`The block of line ${line} does not name its file.`)
    const file = join(this.#folder, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }
}

export interface FollowedPage {
  /** Address at which the page tells the reader to look at the result. */
  readonly address: string
  readonly server: ServerProcess
}

/** Returns the code blocks under numbered headings. */
function stepsOf(page: string): Block[] {
  return page
    .split(/^## /m)
    .filter((section) => /^\d+\. /.test(section))
    .flatMap(codeBlocks)
}
