import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'

/** A message that a node sends to itself, with the last position and the origin of history when it was published. */
export interface Echo {
  readonly last: number
  readonly origin: number
}

/** Echoes: when one comes back, every message that was published before it has come too. */
export class Echoes {
  readonly channel: string
  readonly #keys: Keys
  readonly #history: History
  /** They come back in the order in which they were sent. */
  #waiting: (() => void)[] = []

  /** @param node Distinguishes the echoes of this node from those of the others. */
  constructor(keys: Keys, history: History, node: string) {
    this.channel = keys.echo(node)
    this.#keys = keys
    this.#history = history
  }

  /** Drops the echoes of an earlier link. */
  reset(): void {
    this.#waiting = []
  }

  /** Sends an echo, and resolves when it has come back. */
  async send(link: RedisLink): Promise<void> {
    const came = new Promise<void>((resolve) => this.#waiting.push(resolve))
    await Promise.all([
      link.call(echo, [this.#keys.clock], [this.#history.known, link.local(this.channel)]),
      link.within(came),
    ])
  }

  /** Notes that an echo came back. */
  came(): void {
    this.#waiting.shift()?.()
  }
}

/** Reads `<last>|<origin>`. */
export function decodeEcho(text: string): Echo {
  const [last, origin] = text.split('|').map(Number) as [number, number]
  return { last, origin }
}

/** KEYS: clock. ARGV: known, echo channel. Comes back on that channel behind every earlier message. → { last, origin } */
export const echo: Script = script(`
redis.call('PUBLISH', ARGV[2], text(last) .. '|' .. text(origin))
return { text(last), text(origin) }
`)
