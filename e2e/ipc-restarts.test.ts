import { once } from 'node:events'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { endProcess } from '../test-support/end-process.js'
import { crash, type Node, startMachine } from './ipc-machine.js'

const events = defineEvents({ count: z.object({ n: z.number() }) })

/** A client of one process, and everything that it was told. */
async function open({ port }: Node): Promise<(number | string)[]> {
  const told: (number | string)[] = []
  const stream = new EventStreamService({
    events,
    url: `http://127.0.0.1:${port}/`,
    retry: { initialMs: 20, maxMs: 200 },
  })
  stream.on('count', ({ n }) => void told.push(n))
  stream.onGap(({ reason }) => void told.push(`gap: ${reason}`))
  stream.onStatusChange(({ recovered }, previous) => {
    if (recovered !== undefined && recovered !== previous.recovered) told.push(recovered ? 'recovered' : 'opened')
  })
  stream.onError(() => {})
  stream.connect()
  onTestFinished(() => stream.close())
  await vi.waitFor(() => expect(told).toContain('opened'), 20_000)
  return told
}

it('goes on after the serving process was killed, with its history in a file', { timeout: 120_000 }, async () => {
  const { primary, workers } = await startMachine('sqlite')
  const [ofPrimary, ofWorker] = await Promise.all([open(primary), open(workers[0]!)])
  expect(await workers[1]!.publish(1)).toBe(true)
  for (const told of [ofPrimary, ofWorker]) await vi.waitFor(() => expect(told).toContain(1), 20_000)
  await crash(primary)
  await vi.waitFor(async () => expect(await workers[1]!.publish(2)).toBe(true), 20_000)
  for (const told of [ofPrimary, ofWorker]) await vi.waitFor(() => expect(told).toContain(2), 20_000)
  // The stream of the process that died: its event log is there again.
  expect(ofPrimary.filter((item) => typeof item === 'string')).toEqual(['opened', 'recovered'])
  // A stream of a worker was never interrupted. Live-only events of others may be lost, and so it is told of a gap.
  expect(ofWorker).toEqual(['opened', 1, 'gap: backplane', 2])
  await crash(workers[0]!)
  await vi.waitFor(() => expect(ofWorker).toEqual(['opened', 1, 'gap: backplane', 2, 'recovered']), 20_000)
})

it('takes a killed worker for dead, with its streams', { timeout: 120_000 }, async () => {
  const { primary, workers, nodes } = await startMachine('memory')
  await Promise.all(nodes.map(open))
  const present = async (): Promise<unknown> => {
    primary.child!.send('presence')
    return (await once(primary.child!, 'message'))[0]
  }
  const ports = (of: readonly Node[]) => of.map(({ port }) => String(port)).sort()
  await vi.waitFor(async () => expect(await present()).toEqual(ports(nodes)), 20_000)
  await endProcess(workers[0]!.child, 'SIGKILL')
  await vi.waitFor(async () => expect(await present()).toEqual(ports([primary, workers[1]!])), 20_000)
})
