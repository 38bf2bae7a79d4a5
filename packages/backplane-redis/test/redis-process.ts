import { type ChildProcess, spawn } from 'node:child_process'
import { endProcess } from '../../../test-support/end-process.js'

/** `valkey-server`, for one, runs the tests on Valkey. */
const program = process.env.RIVULET_REDIS_SERVER ?? 'redis-server'

/** A process of the Redis server, whatever it is configured to be. */
export class RedisProcess {
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  constructor(args: readonly string[]) {
    this.#args = args
  }

  /** Resolves when it takes connections. May be called again after a kill. */
  async start(): Promise<void> {
    const child = spawn(program, this.#args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${program} is needed for these tests: install it.`, { cause })))
      child.once('exit', () => reject(new Error(`${program} ended: ${log}`)))
      child.stdout!.on('data', (chunk) => {
        log += chunk
        if (/Ready to accept connections|Sentinel ID is/.test(log)) resolve()
      })
    })
  }

  get running(): boolean {
    const child = this.#process
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** SIGSTOP and SIGCONT pause and resume it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Resolves when the process is gone. */
  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL')
  }
}
