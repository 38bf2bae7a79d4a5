import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endProcess } from './end-process.js'

/** Runs a built example in its own process, on a port that stays the same across restarts. */
export class ExampleProcess {
  readonly url: string
  readonly #folder: string
  readonly #port: number
  /** Outlives restarts of the process, but not `stop`. */
  readonly #data: string
  #process: ChildProcess | undefined

  /** @param folder The example's folder: in the repository's examples, or a copy. */
  constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.#data = mkdtempSync(join(tmpdir(), 'rivulet-example-'))
    this.url = `http://localhost:${port}`
  }

  /** Resolves when the example is listening. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['dist/server/main.js'], {
      cwd: this.#folder,
      env: { ...process.env, PORT: String(this.#port), DATA_DIR: this.#data },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process = child
    let output = ''
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (text) => {
        output += text
        if (output.includes(`: ${this.url}\n`)) resolve()
      })
      child.once('exit', (code) =>
        reject(new Error(`${this.#folder} ended with code ${code}. Is it built?\n${output}`)),
      )
    })
  }

  /** Ends the process like a crash, without a farewell. */
  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL')
  }

  /** Ends the process like its user, so that it also ends the processes that it started. */
  async stop(): Promise<void> {
    await endProcess(this.#process, 'SIGTERM')
    rmSync(this.#data, { recursive: true, force: true })
  }
}

export function exampleFolder(name: string): string {
  return fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
}
