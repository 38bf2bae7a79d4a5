import type { LiveMessage } from '@rivulet/server'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { kept, OneRedis, text } from '../../test/one-redis.js'

const redis = new OneRedis()

/** Counts the calls of scripts that get a log of the namespace. */
async function countCalls(namespace: string): Promise<() => Promise<number>> {
  const monitor = await redis.admin.duplicate().monitor()
  onTestFinished(() => monitor.disconnect())
  const seen: string[][] = []
  monitor.on('monitor', (_time: string, args: string[]) => seen.push(args))
  return async () => {
    await redis.admin.echo(namespace)
    const isEnd = ([command, text]: string[]) => command === 'echo' && text === namespace
    await vi.waitFor(() => expect(seen.some(isEnd)).toBe(true))
    const calls = seen.splice(0, seen.findIndex(isEnd) + 1)
    return calls.filter((args) => args[0] === 'EVALSHA' && args.some((name) => name.startsWith(`{${namespace}}:log:`)))
      .length
  }
}

describe('reads in one turn', () => {
  it('are one call, with a cursor for each channel', async () => {
    const { backplane, namespace } = redis.node({
      retention: (channel) => (channel === 'c4' ? 'none' : { maxEvents: 4 }),
    })
    const channels = Array.from({ length: 40 }, (_, index) => `c${index}`)
    const seqs: number[][] = []
    for (const [index, channel] of channels.entries()) {
      seqs[index] = []
      for (let n = 0; n < index % 7; n++) {
        const { position } = await backplane.publish(channel, text(`${channel} ${n}`), kept)
        if (position !== undefined) seqs[index].push(position)
      }
    }
    const request = (channel: string, index: number) =>
      [channel, seqs[index]![index % 3] ?? 0, index % 5 === 0 ? 0 : 3] as const
    const alone = []
    for (const [index, channel] of channels.entries()) alone.push(await backplane.read(...request(channel, index)))
    const calls = await countCalls(namespace)
    const together = await Promise.all(channels.map((channel, index) => backplane.read(...request(channel, index))))
    expect(await calls()).toBe(1)
    const { clock, storedPosition } = together[0]!
    expect(together).toEqual(alone.map((result) => ({ ...result, clock, storedPosition })))
    expect(alone.some(({ messages }) => messages.length === 3)).toBe(true)
    expect(alone.some(({ continuous }) => !continuous)).toBe(true)

    const found = []
    for (const [index, channel] of channels.entries()) found.push(await backplane.seek(channel, index % 4))
    await calls()
    expect(await Promise.all(channels.map((channel, index) => backplane.seek(channel, index % 4)))).toEqual(found)
    expect(await calls()).toBe(1)
  })

  it('are several calls if there may be much data', async () => {
    const { backplane, namespace } = redis.node()
    await backplane.publish('a', text('1'), kept)
    const calls = await countCalls(namespace)
    const results = await Promise.all(Array.from({ length: 10 }, () => backplane.read('a', 0, 500)))
    expect(results.map(({ messages }) => messages.length)).toEqual(Array(10).fill(1))
    expect(await calls()).toBe(5)
  })
})

describe('publishes in one turn', () => {
  it('are one call, stored and delivered in their order', async () => {
    const { backplane, namespace } = redis.node()
    const { backplane: other } = redis.node({ namespace })
    const seen: { channel: string; message: LiveMessage }[] = []
    const listener = {
      onMessage: (channel: string, message: LiveMessage) => void seen.push({ channel, message }),
      onGap: () => expect.fail('A gap.'),
      onHealth() {},
    }
    for (const channel of ['a', 'b']) await other.subscribe(channel, listener)
    const before = await backplane.publish('a', text('before'), kept)
    const calls = await countCalls(namespace)
    const keyed = { retain: true, idempotencyKey: 'one' }
    const plan = [
      ['a', '1', kept],
      ['b', '2', { retain: false }],
      ['a', '3', keyed],
      ['a', '3', keyed],
      ['b', '4', kept],
      ['a', '5', kept],
    ] as const
    const results = await Promise.all(
      plan.map(([channel, data, options]) => backplane.publish(channel, text(data), options)),
    )
    expect(await calls()).toBe(1)
    const positions = results.map(({ position }) => position!)
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, false, false, true, false, false])
    expect(positions[1]).toBeUndefined()
    expect(positions[3]).toBe(positions[2])
    const rising = [before.position!, positions[0]!, positions[2]!, positions[4]!, positions[5]!]
    expect(rising).toEqual([...new Set(rising)].sort((one, other) => one - other))

    const { messages, continuous } = await backplane.read('a', before.position!, 10)
    expect(continuous).toBe(true)
    expect(messages.map(({ data, previous }) => [data, previous])).toEqual([
      ['1', before.position],
      ['3', positions[0]],
      ['5', positions[2]],
    ])
    await vi.waitFor(() => expect(seen).toHaveLength(6))
    expect(seen.map(({ channel, message: { data, position } }) => [channel, data, position])).toEqual([
      ['a', 'before', before.position],
      ['a', '1', positions[0]],
      ['b', '2', undefined],
      ['a', '3', positions[2]],
      ['b', '4', positions[4]],
      ['a', '5', positions[5]],
    ])
    // The next call goes on from the heads that this one wrote.
    const next = await backplane.publish('b', text('6'), kept)
    expect((await backplane.read('b', positions[4]!, 10)).messages).toMatchObject([
      { position: next.position, previous: positions[4] },
    ])
  })

  it('that Redis refuses reject by themselves, and store nothing', async () => {
    const { backplane, namespace } = redis.node()
    await redis.admin.set(`{${namespace}}:log:bad`, 'not a stream')
    const keyed = { retain: true, idempotencyKey: 'again' }
    const publishes = ['good', 'bad', 'good', 'bad'].map((channel, index) =>
      backplane.publish(channel, text(String(index)), channel === 'bad' ? keyed : kept),
    )
    const results = await Promise.allSettled(publishes)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    for (const result of results) if (result.status === 'rejected') expect(String(result.reason)).toContain('WRONGTYPE')
    const [first, , third] = results.map((result) => (result.status === 'fulfilled' ? result.value.position! : 0))
    expect((await backplane.read('good', first! - 1, 10)).messages).toMatchObject([
      { data: '0', position: first },
      { data: '2', position: third, previous: first },
    ])
    await redis.admin.del(`{${namespace}}:log:bad`)
    const { position, duplicate } = await backplane.publish('bad', text('later'), keyed)
    expect(duplicate).toBe(false)
    expect((await backplane.read('bad', position! - 1, 10)).messages).toMatchObject([{ data: 'later' }])
  })

  it('go on above a log that outlived the others', async () => {
    const { backplane, namespace } = redis.node()
    const far = (Date.now() + 60_000) * 1024
    await redis.admin.xadd(`{${namespace}}:log:b`, `${far}-0`, 'p', '0', 'c', '1', 'e', '3|1|log1')
    // A head, as the log of a channel without one is dropped.
    await redis.admin.hset(`{${namespace}}:positions`, 'h:b', '1 0 - 1 1')
    const results = await Promise.all(['a', 'b', 'a'].map((channel) => backplane.publish(channel, text(channel), kept)))
    const positions = results.map(({ position }) => position!)
    expect(positions[1]).toBeGreaterThan(far)
    expect(positions[2]).toBeGreaterThan(positions[1]!)
    expect(await backplane.read('a', positions[0]!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
    expect(await backplane.read('a', positions[1]!, 10)).toMatchObject({
      continuous: true,
      messages: [{ position: positions[2] }],
    })
  })

  it('are several calls if they carry much data', async () => {
    const { backplane, namespace } = redis.node()
    await backplane.publish('a', text('1'), kept)
    const calls = await countCalls(namespace)
    await Promise.all(Array.from({ length: 8 }, () => backplane.publish('a', text('x'.repeat(300_000)), kept)))
    expect(await calls()).toBe(3)
  })
})
