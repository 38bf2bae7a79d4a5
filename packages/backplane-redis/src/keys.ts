export const headPrefix = 'h:'

/** The names in Redis of one namespace. The hash tag puts them all into one slot of a cluster: a script needs them together. */
export class Keys {
  /**
   * HASH: `s` the last position given, `o` before which nothing is known and `t` since when (ms), `n` the time that clients were told, `f` up to
   * which channels were forgotten, `r` the run of the Redis process, and the channels' heads.
   */
  readonly clock: string
  /** HASH: per node until when it lives, how many streams it has and how many updates it made. */
  readonly nodes: string
  /** The rights that suffice, as `ACL SETUSER` takes them. */
  readonly rights: string
  readonly #prefix: string

  constructor(namespace: string) {
    this.#prefix = `{${namespace}}:`
    this.clock = `${this.#prefix}positions`
    this.nodes = `${this.#prefix}nodes`
    this.rights = `~${this.#prefix}* &${this.#prefix}* +@all -@dangerous +info`
  }

  /**
   * Field of a channel's head: its last kept event, its last one that was live only, when it may be forgotten (ms, or `-`),
   * and what the bytes of its log are counted by, with spaces between.
   */
  head(channel: string): string {
    return `${headPrefix}${channel}`
  }

  /** STREAM of a channel's kept events, each with the id `<position>-0`. */
  log(channel: string): string {
    return `${this.#prefix}log:${channel}`
  }

  /** STRING: what a publish with this idempotency key gave. The length keeps ('a', 'b:c') and ('a:b', 'c') apart. */
  result(channel: string, key: string): string {
    return `${this.#prefix}result:${channel.length}:${channel}:${key}`
  }

  /** HASH of who is on a channel: `<node> <connection>` to what is known of it, and `<node>` to how many it has there. */
  members(channel: string): string {
    return `${this.#prefix}members:${channel}`
  }

  /** SET of what a node has in such hashes, each as `<connection> <channel>`. */
  entries(node: string): string {
    return `${this.#prefix}entries:${node}`
  }

  /** A name that stands for nothing: what the user may do is tried on it. */
  get probe(): string {
    return `${this.#prefix}probe`
  }

  /** The pub/sub channel that carries a channel's events. */
  live(channel: string): string {
    return `${this.#prefix}live:${channel}`
  }

  /** The pub/sub channel on which one node hears itself. */
  echo(node: string): string {
    return `${this.#prefix}echo:${node}`
  }

  /** The channel of a pub/sub channel; `undefined` for the echo. */
  channelOf(live: string): string | undefined {
    const prefix = `${this.#prefix}live:`
    return live.startsWith(prefix) ? live.slice(prefix.length) : undefined
  }
}
