import { expect, it } from 'vitest'
import { heapInUse } from '../../test/heap.js'
import { encodeData } from '../delivery/frame.js'
import { MemoryBackplane } from './memory-backplane.js'

/** Events as `publish` makes them, of texts that the engine puts together from parts. */
const encode = (message: string) =>
  encodeData(JSON.stringify({ message }), { timestamp: 1_700_000_000_000, source: 'server' })

it.each<[what: string, publish: (backplane: MemoryBackplane, n: number) => number]>([
  [
    'events of many channels',
    (backplane, n) => publishTo(backplane, `user:${n % 1_000}`, encode(`${n}`.padEnd(2_000, 'x'))),
  ],
  [
    'events of wide characters',
    (backplane, n) => publishTo(backplane, `user:${n % 100}`, encode(`漢${n}`.padEnd(1_000))),
  ],
  ['channels of one small event each', (backplane, n) => publishTo(backplane, `job:${n}`, encode(`${n}`))],
  [
    'idempotency keys, and small events',
    (backplane, n) => publishTo(backplane, `user:${n % 1_000}`, encode(''), `request:${n}:${'k'.repeat(30)}`),
  ],
])(
  'keeps all that a MemoryBackplane holds within its budget: %s',
  async (_, publish) => {
    const maxTotalBytes = 8_388_608
    const before = await heapInUse()
    const backplane = new MemoryBackplane({ maxTotalBytes, retention: { maxEvents: 1_000_000, maxBytes: Infinity } })
    let published = 0
    for (let n = 0; published < 4 * maxTotalBytes; n++) published += publish(backplane, n)
    const grown = (await heapInUse()) - before
    expect(grown).toBeLessThan(1.25 * maxTotalBytes)
    // The estimate is not so high either that less is kept than could be.
    expect(grown).toBeGreaterThan(0.6 * maxTotalBytes)
    const { bytes, evictedEvents } = backplane.stats()
    expect(bytes).toBeLessThanOrEqual(maxTotalBytes)
    expect(evictedEvents).toBeGreaterThan(0)
    backplane.close()
  },
  60_000,
)

/** Publishes, and returns about how much that takes where it is kept. */
function publishTo(backplane: MemoryBackplane, channel: string, data: string, idempotencyKey?: string): number {
  backplane.publish(channel, { type: 'log', data }, { retain: true, idempotencyKey })
  return data.length + 100
}
