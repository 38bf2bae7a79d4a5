import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('node.js', import.meta.url))
const restartAfterMs = 3_000

/** Keeps one node running: restarts a node that died after a while, like a supervisor. */
export class NodeProcess {
  readonly name: string
  readonly port: number
  readonly #redisPort: number
  #child: ChildProcess | undefined

  constructor(name: string, port: number, redisPort: number) {
    this.name = name
    this.port = port
    this.#redisPort = redisPort
  }

  /** Ends the node for good. */
  stop(): void {
    this.#child?.removeAllListeners('exit').kill()
  }

  /** Resolves when the node is listening. */
  start(): Promise<void> {
    const env = { ...process.env, NODE: this.name, PORT: String(this.port), REDIS_PORT: String(this.#redisPort) }
    const child = fork(program, { env })
    this.#child = child
    child.once('exit', (_code, signal) => {
      this.#child = undefined
      console.log(
        `Node ${this.name} is gone${signal ? ` (${signal})` : ''}; it comes back in ${restartAfterMs / 1_000} s.`,
      )
      setTimeout(() => void this.start().then(() => console.log(`Node ${this.name} is back.`)), restartAfterMs)
    })
    return new Promise((resolve) => child.once('message', () => resolve()))
  }
}
