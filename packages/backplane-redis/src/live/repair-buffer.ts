import type { LiveItem } from './live-message.js'

const maxItems = 10_000
const maxChars = 8_388_608

/** Live items that wait while the events before them are read from the logs. Bounded: the logs have the kept ones too. */
export class RepairBuffer {
  /** The position of the first item that did not fit. From it on, the logs have to be read once more. */
  overflow: number | undefined
  /** The origin of history according to the latest message. */
  origin: number | undefined
  /** Per channel, its first item that is live only. */
  readonly firstLiveOnly: Map<string, LiveItem> = new Map<string, LiveItem>()
  #items: LiveItem[] = []
  #chars = 0

  push(item: LiveItem): void {
    this.origin = item.origin
    if (this.overflow !== undefined) return
    this.#chars += item.message.data.length
    if (this.#items.length >= maxItems || this.#chars > maxChars) {
      this.overflow = item.position
      return
    }
    this.#items.push(item)
    if (item.message.position === undefined && !this.firstLiveOnly.has(item.channel))
      this.firstLiveOnly.set(item.channel, item)
  }

  /** Removes and returns the items up to a position. */
  take(through: number): LiveItem[] {
    const end = this.#items.findIndex(({ position }) => position > through)
    return this.#items.splice(0, end < 0 ? this.#items.length : end)
  }
}
