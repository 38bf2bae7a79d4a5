import type { RedisConnection } from './redis-client.js'
import { type Script, scripts } from './scripts.js'

/** How many pub/sub channels one command names: Redis serves nobody else while it carries one out. */
const batch = 512

/**
 * Two connections to one Redis process: one for commands, one for what pub/sub brings. They live and end together.
 *
 * As long as a link is up, nothing is missing in what it received: Redis delivers in the order of execution or closes
 * the connection. A command without an answer in time ends the link, because nothing sure is known of it any more.
 */
export class Link {
  /** Called with what comes by pub/sub. */
  onMessage: (channel: string, text: string) => void = () => {}
  /** Called once, when the link is over. */
  onClose: (error: Error) => void = () => {}
  /** The run of the Redis process. */
  run = ''
  closed: Error | undefined
  /** The time of Redis minus that of `performance.now()`, in milliseconds; behind by the way of an answer. */
  clockOffsetMs = 0
  readonly #commands: RedisConnection
  readonly #feed: RedisConnection
  readonly #timeoutMs: number
  readonly #rejects = new Set<(error: Error) => void>()

  private constructor(connect: () => RedisConnection, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#commands = connect()
    this.#feed = connect()
    this.#feed.onMessage = (channel, text) => {
      if (!this.closed) this.onMessage(channel, text)
    }
    for (const connection of [this.#commands, this.#feed]) connection.onClose = (error) => this.close(error)
  }

  /** Rejects when it does not succeed within the timeout. */
  static async open(connect: () => RedisConnection, timeoutMs: number): Promise<Link> {
    const link = new Link(connect, timeoutMs)
    try {
      await link.within(link.#greet())
      return link
    } catch (error) {
      link.close(error as Error)
      throw error
    }
  }

  async #greet(): Promise<void> {
    const both = [this.#commands, this.#feed]
    await Promise.all(both.map((connection) => connection.open()))
    const [one, other] = await Promise.all(both.map(runOf))
    // Behind one address there may be several servers, or one that was replaced between the two connections.
    if (one !== other) throw new Error('The two connections reached different Redis processes.')
    this.run = one!
    await Promise.all(scripts.map(({ source }) => this.#commands.send(['SCRIPT', 'LOAD', source])))
  }

  /** Every script answers with a list of texts. Rejects when the answer does not come in time, and closes the link then. */
  async call({ sha, source }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<string[]> {
    const rest = [String(keys.length), ...keys, ...args.map(String)]
    const reply = this.#commands.send(['EVALSHA', sha, ...rest]).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : ''
      // Demoted, or not loaded yet: this is not (or no longer) the server that we need.
      if (/^(READONLY|LOADING|MASTERDOWN)/.test(message)) this.close(error as Error)
      if (!message.startsWith('NOSCRIPT')) throw error
      return this.#commands.send(['EVAL', source, ...rest])
    })
    return (await this.within(reply)) as string[]
  }

  /** Resolves when all that is published on the channels from now on comes. */
  async subscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.#feed.subscribe(channels.slice(from, from + batch)))
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.#feed.unsubscribe(channels.slice(from, from + batch)))
    }
  }

  /** Waits for an answer, but no longer than for the timeout or the end of the link. */
  within<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        this.#rejects.delete(fail)
      }
      const fail = (error: Error) => {
        done()
        reject(error)
      }
      const timer = setTimeout(
        () => this.close(new Error(`Redis has not answered for ${this.#timeoutMs} ms.`)),
        this.#timeoutMs,
      )
      this.#rejects.add(fail)
      answer.then((value) => {
        done()
        resolve(value)
      }, fail)
      if (this.closed) fail(this.closed)
    })
  }

  close(error: Error): void {
    if (this.closed) return
    this.closed = error
    this.#commands.close()
    this.#feed.close()
    for (const reject of [...this.#rejects]) reject(error)
    this.onClose(error)
  }
}

async function runOf(connection: RedisConnection): Promise<string> {
  const run = /run_id:(\w+)/.exec(String(await connection.send(['INFO', 'server'])))?.[1]
  if (!run) throw new Error('INFO does not tell the run_id of Redis, without which a restart cannot be noticed.')
  return run
}
