import type { LiveItem } from './live-message.js'

const maxItems = 10_000
const maxChars = 8_388_608

/** Live messages that wait while what comes before them is read from the log. Bounded: the log has them too. */
export class RepairBuffer {
  /** The place of the first message that there was no room for. From it on, the log has to be read once more. */
  overflow: number | undefined
  /** Where history begins, as what came last has it. */
  origin: number | undefined
  /** Per channel, the first message that is live only. */
  readonly firstUnkept: Map<string, LiveItem> = new Map<string, LiveItem>()
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
    if (item.message.position === undefined && !this.firstUnkept.has(item.channel))
      this.firstUnkept.set(item.channel, item)
  }

  /** Takes out what lies up to a place. */
  take(through: number): LiveItem[] {
    const end = this.#items.findIndex(({ position }) => position > through)
    return this.#items.splice(0, end < 0 ? this.#items.length : end)
  }
}
