import { expect } from 'vitest'

/** An event or a gap, in the order in which they came. */
export interface Received {
  /** `undefined` for a gap on all channels. */
  readonly channel: string | undefined
  /** `undefined` for a gap. */
  readonly message: { readonly position?: number | undefined; readonly data: string } | undefined
  /** When it came, by `performance.now()`. */
  readonly at: number
}

export interface Acknowledged {
  readonly channel: string
  readonly data: string
  readonly position: number
  /** When its publishing began, by `performance.now()`: a gap that was told earlier says nothing of it. */
  readonly begunAt: number
  /** The node that published it. */
  readonly by?: number
}

export interface Expected {
  /** Everything has to be there, with no gap. */
  readonly lossless: boolean
  /**
   * Two servers were in charge for a while. Events of the one may come before it shows that some of the other are missing:
   * a gap stands before the next event of the node that published what is missing.
   */
  readonly divided?: boolean
}

/**
 * Each acknowledged event came once and in order, or a gap was announced where it is missing.
 *
 * @param entries What one subscriber, or one client, was given.
 */
export function check(
  entries: readonly Received[],
  acknowledged: readonly Acknowledged[],
  { lossless, divided = false }: Expected,
): void {
  const publishers = new Map(acknowledged.map(({ data, by }) => [data, by]))
  const places = new Map<string, number>()
  let last = 0
  for (const [place, { message }] of entries.entries()) {
    if (message?.position === undefined) continue
    expect(message.position, 'positions rise').toBeGreaterThan(last)
    last = message.position
    const earlier = places.get(message.data)
    // An event that was stored, lost with its key and published again, is another event to Redis.
    const told = earlier !== undefined && entries.slice(earlier, place).some((entry) => !entry.message)
    expect(earlier === undefined || (told && !lossless), `"${message.data}" came twice`).toBe(true)
    places.set(message.data, place)
  }
  if (lossless) expect(entries.filter(({ message }) => !message)).toEqual([])
  for (const { channel, data, position, begunAt, by } of acknowledged) {
    if (places.has(data)) continue
    const ofChannel = (entry: Received) => (entry.channel ?? channel) === channel
    const isNext = ({ message }: Received) =>
      message?.position !== undefined &&
      message.position > position &&
      (!divided || publishers.get(message.data) === by)
    const next = entries.findIndex((entry) => ofChannel(entry) && isNext(entry))
    const before = entries.slice(0, next < 0 ? undefined : next).filter(ofChannel)
    // If it is missing, its channel has been told nothing after a gap.
    const candidates = divided ? before : before.slice(-1)
    const told = candidates.some(({ message, at }) => !message && at >= begunAt)
    expect(told, `"${data}" is missing in silence`).toBe(true)
  }
}
