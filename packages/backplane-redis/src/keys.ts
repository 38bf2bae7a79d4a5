/** The names in Redis of one namespace. The hash tag puts them all into one slot of a cluster: a script needs them together. */
export class Keys {
  /** HASH: `s` the last position given, `o` before which nothing is known, `n` the time that clients were told, `r` the run of the Redis process. */
  readonly clock: string
  /** HASH: per node until when it lives, how many streams it has and how many updates it made. */
  readonly nodes: string
  readonly #prefix: string

  constructor(namespace: string) {
    this.#prefix = `{${namespace}}:`
    this.clock = `${this.#prefix}clock`
    this.nodes = `${this.#prefix}nodes`
  }

  /** HASH of a channel: `s` its head, `u` the last event that was live only, `c` and `b` for counting bytes. */
  head(channel: string): string {
    return `${this.#prefix}head:${channel}`
  }

  /** STREAM of a channel's kept events, each with the id `<seq>-0`. */
  log(channel: string): string {
    return `${this.#prefix}log:${channel}`
  }

  /** STRING: what a publish with this idempotency key gave. The length keeps ('a', 'b:c') and ('a:b', 'c') apart. */
  result(channel: string, key: string): string {
    return `${this.#prefix}result:${channel.length}:${channel}:${key}`
  }

  /** HASH of who is on a channel: `<node> <connection>` to what is known of it. */
  members(channel: string): string {
    return `${this.#prefix}members:${channel}`
  }

  /** SET of what a node has in such hashes, each as `<connection> <channel>`. */
  entries(node: string): string {
    return `${this.#prefix}entries:${node}`
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
