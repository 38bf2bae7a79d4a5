import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'

/** A subscriber that writes down events, gaps and health in the order in which they come. */
export class Recorder implements BackplaneSubscriber {
  /** A gap has no message, and a gap on all channels no channel. */
  readonly entries: { readonly channel: string | undefined; readonly message: LiveMessage | undefined }[] = []
  readonly health: unknown[] = []
  readonly #waiting = new Set<() => void>()

  onMessage(channel: string, message: LiveMessage): void {
    this.entries.push({ channel, message })
    this.#check()
  }

  onGap(channel: string | undefined): void {
    this.entries.push({ channel, message: undefined })
    this.#check()
  }

  onHealth(error: unknown): void {
    this.health.push(error)
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
