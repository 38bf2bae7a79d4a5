import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'

export interface Entry {
  /** `undefined` for a gap on all channels. */
  readonly channel: string | undefined
  /** `undefined` for a gap. */
  readonly message: LiveMessage | undefined
  /** The time of its arrival, by `performance.now()`. */
  readonly at: number
}

/** A subscriber that writes down events, gaps and health in the order in which they come. */
export class Recorder implements BackplaneSubscriber {
  readonly entries: Entry[] = []
  readonly health: unknown[] = []
  readonly #waiting = new Set<() => void>()

  onMessage(channel: string, message: LiveMessage): void {
    this.#add(channel, message)
  }

  onGap(channel: string | undefined): void {
    this.#add(channel, undefined)
  }

  onHealth(error: unknown): void {
    this.health.push(error)
    this.#check()
  }

  #add(channel: string | undefined, message: LiveMessage | undefined): void {
    this.entries.push({ channel, message, at: performance.now() })
    this.#check()
  }

  #check(): void {
    for (const check of [...this.#waiting]) check()
  }

  get messages(): LiveMessage[] {
    return this.entries.flatMap(({ message }) => (message ? [message] : []))
  }

  get data(): string[] {
    return this.messages.map(({ data }) => data)
  }

  get gaps(): (string | undefined)[] {
    return this.entries.filter(({ message }) => !message).map(({ channel }) => channel)
  }

  /** Resolves as soon as a condition holds; rejects after some time. */
  async until(condition: (recorder: this) => boolean, timeoutMs = 30_000): Promise<void> {
    if (condition(this)) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`It did not come. There are: ${this.data.slice(-20)}; gaps: ${this.gaps.length}`))
      }, timeoutMs)
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
