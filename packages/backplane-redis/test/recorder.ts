import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'

export interface Entry {
  /** `undefined` for a gap on all channels. */
  readonly channel: string | undefined
  /** `undefined` for a gap. */
  readonly message: LiveMessage | undefined
  /** When it came, by `performance.now()`. */
  readonly at: number
}

/** A subscriber that writes down events and gaps in the order in which they come. */
export class Recorder implements BackplaneSubscriber {
  readonly entries: Entry[] = []
  readonly health: unknown[] = []
  readonly #waiting = new Set<() => void>()

  onMessage(channel: string, message: LiveMessage): void {
    this.#add({ channel, message, at: performance.now() })
  }

  onGap(channel: string | undefined): void {
    this.#add({ channel, message: undefined, at: performance.now() })
  }

  onHealth(error: unknown): void {
    this.health.push(error)
    for (const check of [...this.#waiting]) check()
  }

  #add(entry: Entry): void {
    this.entries.push(entry)
    for (const check of [...this.#waiting]) check()
  }

  get data(): string[] {
    return this.entries.flatMap(({ message }) => (message ? [message.data] : []))
  }

  get gaps(): (string | undefined)[] {
    return this.entries.filter(({ message }) => !message).map(({ channel }) => channel)
  }

  /** Resolves as soon as it holds; fails when it does not within 30 seconds. */
  async until(condition: (recorder: this) => boolean): Promise<void> {
    if (condition(this)) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`It did not come. There are ${this.entries.length} entries, gaps: ${this.gaps.length}.`))
      }, 30_000)
      const check = () => {
        if (!condition(this)) return
        this.#waiting.delete(check)
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.add(check)
    })
  }
}
