import type { Connector } from '../clients/connector.js'
import type { RedisConnection } from '../clients/redis-client.js'
import type { Keys } from './keys.js'
import { explained } from './rights.js'
import type { Script } from './script.js'
import { databaseOf, primaryInfo, type ServerInfo } from './server-info.js'

export interface LinkOptions {
  readonly keys: Keys
  readonly timeoutMs: number
  /** Loaded when the link opens. */
  readonly scripts: readonly Script[]
  /** Called when the server has described itself. An error that it throws ends the link. */
  readonly onInfo?: (info: ServerInfo) => void
}

/** The number of pub/sub channels that one command names: Redis serves nobody else while it carries one out. */
const batch = 512
/** Enough of the 40 digits of a run ID to tell servers apart. */
const localChars = 12

/**
 * Two connections to one Redis process: one for commands, one for pub/sub. They live and end together.
 *
 * As long as a link is up it has missed nothing: Redis delivers in the order of execution, or closes the connection. A
 * command without an answer in time ends the link, because its outcome is unknown.
 */
export class RedisLink {
  /** Called with each message of pub/sub. */
  onMessage: (channel: string, text: string) => void = () => {}
  /** Called once, when the link ends. */
  onClose: (error: Error) => void = () => {}
  /** Identifies the Redis process. */
  runId = ''
  /** The number of its database. */
  database = 0
  closed: Error | undefined
  /** Redis's clock minus `performance.now()`, in milliseconds; too low by the time that an answer travels. */
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

  /** Rejects if the server is not found, or does not answer, within the timeout. */
  static async open(connector: Connector, options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(await connector(), options)
    await link.must(link.within(link.explain(link.#greet())))
    return link
  }

  async #greet(): Promise<void> {
    const both = [this.#commands, this.#feed]
    await Promise.all(both.map((connection) => connection.open()))
    const [one, other] = (await Promise.all(both.map(primaryInfo))) as [ServerInfo, ServerInfo]
    // One address may lead to several servers, or to one that was replaced between the two connections.
    if (one.runId !== other.runId) throw new Error('The two connections reached different Redis processes.')
    this.#options.onInfo?.(one)
    this.runId = one.runId
    this.database = await databaseOf(this.#commands)
    await Promise.all(this.#options.scripts.map(({ source }) => this.#commands.send(['SCRIPT', 'LOAD', source])))
  }

  /** Runs a script, which answers with a list of texts. Rejects, and closes the link, if the answer does not come in time. */
  async call({ sha, source }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<string[]> {
    const rest = [String(keys.length), ...keys, ...args.map(String)]
    const reply = this.#commands.send(['EVALSHA', sha, ...rest]).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : ''
      // A server that was demoted, is still loading, or lacks our slot is not the one that we need.
      if (/^(READONLY|LOADING|MASTERDOWN|MOVED|ASK|CLUSTERDOWN)/.test(message)) this.close(error as Error)
      if (!message.startsWith('NOSCRIPT')) throw error
      return this.#commands.send(['EVAL', source, ...rest])
    })
    return (await this.within(this.explain(reply))) as string[]
  }

  /** Resolves when every later message of the channels will come. */
  async subscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.explain(this.#feed.subscribe(channels.slice(from, from + batch))))
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += batch) {
      await this.within(this.#feed.unsubscribe(channels.slice(from, from + batch)))
    }
  }

  /**
   * The name of a pub/sub channel for this Redis process and this database alone.
   *
   * A replica, and every other server of a cluster, also passes on the messages of its primary, but may lose some. A node that
   * still listens to a server that is no longer in charge must hear nothing, so that it notices. The database is part of the
   * name because pub/sub ignores databases.
   */
  local(channel: string): string {
    return `${channel}@${this.runId.slice(0, localChars)}.${this.database}`
  }

  /** The channel of a name that `local` made. */
  static channelOf(local: string): string {
    return local.slice(0, local.lastIndexOf('@'))
  }

  /** Closes the link if the work fails, because the link is useless without it. */
  async must<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.close(error as Error)
      throw error
    }
  }

  /** Closes the link if its server has become a replica: Redis does not tell subscribers that it was demoted. */
  async verify(): Promise<void> {
    await this.must(this.within(primaryInfo(this.#commands)))
  }

  /** Rejects as the answer does, but names the missing right if that is the reason. */
  async explain<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw await explained(error, this.#commands, this.#options.keys)
    }
  }

  /** Waits for an answer until the timeout or the end of the link. */
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
