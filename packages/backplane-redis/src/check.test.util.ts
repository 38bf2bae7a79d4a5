import { expect } from 'vitest'

/** An event or a gap, in the order in which they came. */
export interface Received {
  /** `undefined` for a gap on all channels. */
  readonly channel: string | undefined
  /** `undefined` for a gap. */
  readonly message: { readonly seq?: number | undefined; readonly data: string } | undefined
}

export interface Acknowledged {
  readonly channel: string
  readonly data: string
  readonly seq: number
}

/**
 * Each acknowledged event came once and in order, or a gap was announced where it is missing.
 *
 * @param entries What one subscriber, or one client, was given.
 * @param lossless Whether everything has to be there, with no gap.
 */
export function check(entries: readonly Received[], acknowledged: readonly Acknowledged[], lossless: boolean): void {
  const places = new Map<string, number>()
  let last = 0
  for (const [place, { message }] of entries.entries()) {
    if (message?.seq === undefined) continue
    expect(message.seq, 'positions rise').toBeGreaterThan(last)
    last = message.seq
    const earlier = places.get(message.data)
    // An event that was stored, lost with its key and published again, is another event to Redis.
    const told = earlier !== undefined && entries.slice(earlier, place).some((entry) => !entry.message)
    expect(earlier === undefined || (told && !lossless), `"${message.data}" came twice`).toBe(true)
    places.set(message.data, place)
  }
  if (lossless) expect(entries.filter(({ message }) => !message)).toEqual([])
  for (const { channel, data, seq } of acknowledged) {
    if (places.has(data)) continue
    const ofChannel = (entry: Received) => (entry.channel ?? channel) === channel
    const ofLater = (entry: Received) => ofChannel(entry) && entry.message !== undefined && entry.message.seq! > seq
    const next = entries.findIndex(ofLater)
    // Where it is missing, a gap is the last that its channel was told.
    const before = entries
      .slice(0, next < 0 ? undefined : next)
      .filter(ofChannel)
      .at(-1)
    expect(before !== undefined && !before.message, `"${data}" is missing in silence`).toBe(true)
  }
}
