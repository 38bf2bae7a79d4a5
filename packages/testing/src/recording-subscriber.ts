import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'

/** A subscriber that records its messages. */
export class RecordingSubscriber implements BackplaneSubscriber {
  readonly received: { readonly channel: string; readonly message: LiveMessage }[] = []
  /** Called with each message, before it counts as received. */
  onEach: (channel: string, message: LiveMessage) => void = () => {}
  readonly #waiting = new Set<() => void>()

  onMessage(channel: string, message: LiveMessage): void {
    this.onEach(channel, message)
    this.received.push({ channel, message })
    for (const check of this.#waiting) check()
  }

  onGap(channel: string | undefined): void {
    throw new Error(`The backplane announced a gap on ${channel ?? 'all channels'}, where nothing was lost.`)
  }

  onHealth(error: unknown): void {
    throw error ?? new Error('The backplane announced that it works again, without having failed.')
  }

  /** The data of the messages of one channel, or of all channels. */
  data(channel?: string): string[] {
    return this.received
      .filter((entry) => (channel ?? entry.channel) === entry.channel)
      .map(({ message }) => message.data)
  }

  /** Resolves when that many messages have come; rejects after 5 seconds. */
  async count(count: number): Promise<void> {
    if (this.received.length >= count) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`Only ${this.received.length} of ${count} messages came: ${this.data()}`))
      }, 5_000)
      const check = () => {
        if (this.received.length < count) return
        this.#waiting.delete(check)
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.add(check)
    })
  }
}
