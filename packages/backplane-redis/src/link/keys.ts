export const headPrefix = 'h:'

/** The names in Redis of one namespace. Their hash tag puts all of them into one slot of a cluster, as scripts require. */
export class Keys {
  /**
   * HASH: `s` the last position, `o` the origin of history and `t` when it began (ms), `n` the time that clients were told,
   * `f` the position up to which channels were forgotten, `r` the run ID of the Redis process, and the channels' heads.
   */
  readonly clock: string
  /** HASH: per node its expiry, its number of streams and its number of updates. */
  readonly nodes: string
  /** ZSET: the running runs, each as its member of `runsByKey`, by the end of its lease in ms. */
  readonly leases: string
  /** ZSET in the order of names: `<key's length>:<key>:<beginning>:<id>` for each kept run that has a key. */
  readonly runsByKey: string
  /** ZSET: those of them that are running. */
  readonly runningByKey: string
  /** ZSET: those of them that ended, by the time at which they are dropped in ms. */
  readonly endedByKey: string
  /** The rights that the scripts need, as `ACL SETUSER` takes them. */
  readonly rights: string
  readonly #prefix: string

  constructor(namespace: string) {
    this.#prefix = `{${namespace}}:`
    this.clock = `${this.#prefix}positions`
    this.nodes = `${this.#prefix}nodes`
    this.leases = `${this.#prefix}runs:leases`
    this.runsByKey = `${this.#prefix}runs:by-key`
    this.runningByKey = `${this.#prefix}runs:running`
    this.endedByKey = `${this.#prefix}runs:ended`
    this.rights = `~${this.#prefix}* &${this.#prefix}* +@all -@dangerous +info`
  }

  /**
   * Field of a channel's head: the positions of its last kept and its last live-only event, the time at which it may be
   * forgotten (ms, or `-`), and the two counts of its bytes, separated by spaces.
   */
  head(channel: string): string {
    return `${headPrefix}${channel}`
  }

  /** STREAM of a channel's kept events, each with the id `<position>-0`. */
  log(channel: string): string {
    return `${this.#prefix}log:${channel}`
  }

  /** STRING: the result of a publish with this idempotency key. The length keeps ('a', 'b:c') and ('a:b', 'c') apart. */
  result(channel: string, key: string): string {
    return `${this.#prefix}result:${channel.length}:${channel}:${key}`
  }

  /** HASH of a channel's members: `<node> <connection>` to the member, and `<node>` to its number of members there. */
  members(channel: string): string {
    return `${this.#prefix}members:${channel}`
  }

  /** SET of a node's entries in those hashes, each as `<connection> <channel>`. */
  entries(node: string): string {
    return `${this.#prefix}entries:${node}`
  }

  /**
   * HASH of a run: `k` its key's length and its key, `t` the producer's token, `s` the state, `r` the reason, `a` and `z` when
   * it began and ended (ms), `b` the beginning, `h` its last position, `e` the end, `l` the end of the lease (ms), `n` the
   * number of events that the producer appended, `c` and `y` the two counts of their bytes, `m` maxBytes, `p` keepMs.
   */
  run(id: string): string {
    return `${this.#prefix}run:${id}`
  }

  /** A key without a value, on which rights are tried. */
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
