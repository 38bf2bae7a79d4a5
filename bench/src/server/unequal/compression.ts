import { atMost, type Budget } from '../../report/budget.js'
import { median } from '../../report/statistics.js'
import { printTable } from '../../report/table.js'
import { sleep } from '../clock.js'
import { Unequal, type UnequalPrograms, within } from './scenarios.js'

/** The same server, and clients that accept deflate or not. */
export const encodings = ['identity', 'deflate'] as const
export type Encoding = (typeof encodings)[number]

export interface CompressionScale {
  readonly connections: number
  readonly events: number
  readonly intervalMs: number
  readonly runs: number
}

export const fullCompression: CompressionScale = { connections: 1_000, events: 800, intervalMs: 10, runs: 5 }
export const quickCompression: CompressionScale = { connections: 50, events: 40, intervalMs: 5, runs: 1 }

export interface Compressing {
  readonly cpuMicrosPerDelivery: number
  readonly bytesPerDelivery: number
  /** Heap and buffers of the server's process with all connections, after garbage collection. */
  readonly memory: number
}

export interface CompressionResults {
  readonly scale: CompressionScale
  readonly runs: Readonly<Record<Encoding, readonly Compressing[]>>
}

/** Lines of an access log at a steady pace, to all clients. They join over time, as clients do. */
export function compressing(
  programs: UnequalPrograms,
  acceptEncoding: Encoding,
  { connections, events, intervalMs }: CompressionScale,
): Promise<Compressing> {
  const unequal = new Unequal(programs, 'compressed', 2)
  const { server } = unequal
  return within(unequal, async () => {
    const half = connections / 2
    await unequal.connect(0, { path: '/log', connections: half, acceptEncoding })
    await server.call('log', { events: events / 4, intervalMs })
    await unequal.connect(1, { path: '/log', connections: half, acceptEncoding })
    const before = await server.call('cpu')
    const bytesPerDelivery = await server.call('log', { events, intervalMs })
    const cpuMicrosPerDelivery = ((await server.call('cpu')) - before) / connections / events
    await sleep(500)
    return { cpuMicrosPerDelivery, bytesPerDelivery, memory: await server.call('memory') }
  })
}

const over = ({ runs }: CompressionResults, encoding: Encoding, value: keyof Compressing) =>
  median(runs[encoding].map((run) => run[value]))

export function judgeCompression(results: CompressionResults): Budget[] {
  const ratio = (value: keyof Compressing) => over(results, 'deflate', value) / over(results, 'identity', value)
  const more = over(results, 'deflate', 'memory') - over(results, 'identity', 'memory')
  return [
    atMost('bytes per delivery with compression', ratio('bytesPerDelivery'), 0.3, '× without'),
    atMost('CPU per delivery with compression', ratio('cpuMicrosPerDelivery'), 1.2, '× without'),
    atMost('memory for it', more / results.scale.connections / 1024, 1, 'KiB per connection'),
  ]
}

export function printCompression(results: CompressionResults): void {
  const { connections, intervalMs } = results.scale
  printTable(
    `${connections} clients, a line of an access log per ${intervalMs} ms`,
    ['', 'bytes/delivery', 'CPU µs/delivery', 'memory MiB'],
    encodings.map((encoding) => [
      encoding,
      over(results, encoding, 'bytesPerDelivery'),
      over(results, encoding, 'cpuMicrosPerDelivery'),
      over(results, encoding, 'memory') / 1024 / 1024,
    ]),
  )
}
