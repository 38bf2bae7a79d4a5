import type { Connector } from './connector.js'
import type { Keys } from './keys.js'
import type { RedisConnection } from './redis-client.js'
import { explained } from './rights.js'
import type { Script } from './script.js'
import { scripts } from './scripts.js'
import { databaseOf, primaryInfo, type ServerInfo } from './server-info.js'

export interface LinkOptions {
  readonly keys: Keys
  readonly timeoutMs: number
  /** Called with what the server says of itself. What it throws ends the link. */
  readonly onInfo?: (info: ServerInfo) => void
}

/** How many pub/sub channels one command names: Redis serves nobody else while it carries one out. */
const batch = 512
/** Enough of a run's 40 digits to tell servers apart. */
const localChars = 12

/**
 * Two connections to one Redis process: one for commands, one for what pub/sub brings. They live and end together.
 *
 * As long as a link is up, nothing is missing in what it received: Redis delivers in the order of execution or closes
 * the connection. A command without an answer in time ends the link, because nothing sure is known of it any more.
 */
export class RedisLink {
  /** Called with what comes by pub/sub. */
  onMessage: (channel: string, text: string) => void = () => {}
  /** Called once, when the link is over. */
  onClose: (error: Error) => void = () => {}
  /** The run of the Redis process. */
  run = ''
  /** The number of its database. */
  database = 0
  closed: Error | undefined
  /** The time of Redis minus that of `performance.now()`, in milliseconds; behind by the way of an answer. */
  clockOffsetMs = 0
  readonly #commands: RedisConnection
  readonly #feed: RedisConnection
  readonly #options: LinkOptions
  readonly #rejects = new Set<(error: Error) => void>()

  private constructor(connect: () => RedisConnection, options: LinkOptions) {
    this.#options = options
    this.#commands = connect()
    this.#feed = connect()
    this.#feed.onMessage = (channel, text) => {
      if (!this.closed) this.onMessage(channel, text)
    }
    for (const connection of [this.#commands, this.#feed]) connection.onClose = (error) => this.close(error)
  }

  /** Rejects when the server is not found within the timeout, or does not answer within it. */
  static async open(connector: Connector, options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(await connector(), options)
    await link.must(link.within(link.#explain(link.#greet())))
    return link
  }

  async #greet(): Promise<void> {
    const both = [this.#commands, this.#feed]
    await Promise.all(both.map((connection) => connection.open()))
    const [one, other] = (await Promise.all(both.map(primaryInfo))) as [ServerInfo, ServerInfo]
    // Behind one address there may be several servers, or one that was replaced between the two connections.
    if (one.run !== other.run) throw new Error('The two connections reached different Redis processes.')
    this.#options.onInfo?.(one)
    this.run = one.run
    this.database = await databaseOf(this.#commands)
    await Promise.all(scripts.map(({ source }) => this.#commands.send(['SCRIPT', 'LOAD', source])))
  }

  /** Every script answers with a list of texts. Rejects when the answer does not come in time, and closes the link then. */
  async call({ sha, source }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<string[]> {
    const rest = [String(keys.length), ...keys, ...args.map(String)]
    const reply = this.#commands.send(['EVALSHA', sha, ...rest]).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : ''
      // Demoted, not loaded yet, or without our slot: this is not (or no longer) the server that we need.
      if (/^(READONLY|LOADING|MASTERDOWN|MOVED|ASK|CLUSTERDOWN)/.test(message)) this.close(error as Error)
      if (!message.startsWith('NOSCRIPT')) throw error
      return this.#commands.send(['EVAL', source, ...rest])
    })
    return (await this.within(this.#explain(reply))) as string[]
  }

  /** Resolves when all that is published on the channels from now on comes. */
  async subscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.#explain(this.#feed.subscribe(channels.slice(from, from + batch))))
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.#feed.unsubscribe(channels.slice(from, from + batch)))
    }
  }

  /**
   * The name of a pub/sub channel on which only what was published at this very process comes. A replica, and every other
   * server of a cluster, passes on what its primary published too, but may lose some of it: who still listens to a server
   * that is no longer the one in charge must hear nothing, and so find out. And only what was published in this database:
   * pub/sub knows of none.
   */
  local(channel: string): string {
    return `${channel}@${this.run.slice(0, localChars)}.${this.database}`
  }

  /** The channel of such a name. */
  static channelOf(local: string): string {
    return local.slice(0, local.lastIndexOf('@'))
  }

  /** Without this the link is of no use: closes it when that fails. */
  async must<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.close(error as Error)
      throw error
    }
  }

  /** Closes the link where its server has become a replica: that is carried out without a word to those who listen. */
  async verify(): Promise<void> {
    await this.must(this.within(primaryInfo(this.#commands)))
  }

  async #explain<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw await explained(error, this.#commands, this.#options.keys)
    }
  }

  /** Waits for an answer, but no longer than for the timeout or the end of the link. */
  within<T>(answer: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#options
    return new Promise<T>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        this.#rejects.delete(fail)
      }
      const fail = (error: Error) => {
        done()
        reject(error)
      }
      const timer = setTimeout(() => this.close(new Error(`Redis has not answered for ${timeoutMs} ms.`)), timeoutMs)
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
