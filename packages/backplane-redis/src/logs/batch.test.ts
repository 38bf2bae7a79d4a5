import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { kept, OneRedis, text } from '../../test/one-redis.js'

const redis = new OneRedis()

describe('reads in one turn', () => {
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
      return calls.filter(
        (args) => args[0] === 'EVALSHA' && args.some((name) => name.startsWith(`{${namespace}}:log:`)),
      ).length
    }
  }

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
    expect(together).toEqual(alone.map((result) => ({ ...result, storedPosition: together[0]!.storedPosition })))
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
