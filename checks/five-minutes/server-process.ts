import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

/** A long-running command of a page. It is stopped at the end of the test. */
export class ServerProcess {
  readonly #command: string
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #origin: string
  #shell: ChildProcess | undefined

  /** @param origin Text that the command prints when it is listening. */
  constructor(command: string, folder: string, env: NodeJS.ProcessEnv, origin: string) {
    this.#command = command
    this.#folder = folder
    this.#env = env
    this.#origin = origin
    onTestFinished(() => this.stop())
  }

  async start(): Promise<void> {
    // In its own process group, so that its children end with it.
    const shell = spawn('sh', ['-ec', this.#command], { cwd: this.#folder, env: this.#env, detached: true })
    this.#shell = shell
    let output = ''
    await new Promise<void>((resolve, reject) => {
      const read = (text: Buffer) => {
        output += text
        if (output.includes(this.#origin)) resolve()
      }
      shell.stdout.on('data', read)
      shell.stderr.on('data', read)
      shell.once('exit', (code) => reject(new Error(`${this.#command} ended with code ${code}:\n${output}`)))
    })
  }

  /** Resolves when the command and all its children have ended and the port is free. */
  async stop(): Promise<void> {
    const shell = this.#shell
    this.#shell = undefined
    if (!shell?.pid || shell.exitCode !== null) return
    const closed = once(shell, 'close')
    process.kill(-shell.pid, 'SIGKILL')
    await closed
  }
}
