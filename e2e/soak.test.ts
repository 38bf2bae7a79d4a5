import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, onTestFinished } from 'vitest'
import { TickingClient, TickingServer } from './ticking-server.js'

const seconds = Number(process.env.RIVULET_SOAK_SECONDS ?? 5)
const clientCount = Number(process.env.RIVULET_SOAK_CLIENTS ?? 50)
const perSecond = 100
const rounds = 10

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

it(
  `keeps ${clientCount} streams complete and in order for ${seconds} s, within the same memory`,
  async () => {
    const server = await new TickingServer({ maxEvents: 100 }).start()
    // A busy machine may hold up this process, and with it the server's heartbeats.
    const patient = { heartbeatMarginMs: 30_000, connectTimeoutMs: 30_000 }
    const clients = Array.from({ length: clientCount }, () => {
      return new TickingClient(`http://127.0.0.1:${server.port}/`, patient)
    })
    onTestFinished(async () => {
      for (const { stream } of clients) stream.close()
      await server.stop()
    })
    await expect.poll(() => server.connections, { timeout: 30_000 }).toBe(clientCount)

    const heaps: number[] = []
    for (let round = 0; round < rounds; round++) {
      await server.tick(seconds / rounds, perSecond)
      // One in ten disconnects silently and comes back for the missed events.
      for (const { stream } of clients.slice(0, clientCount / 10)) stream.reconnect()
      await expect
        .poll(() => clients.filter(({ received }) => received < server.published).length, { timeout: 30_000 })
        .toBe(0)
      collectGarbage()
      heaps.push(process.memoryUsage().heapUsed)
    }

    expect(clients.flatMap(({ mistakes }) => mistakes)).toEqual([])
    expect(clients.flatMap(({ gaps }) => gaps)).toEqual([])
    expect(server.errors).toEqual([])
    const lasting = clients.slice(clientCount / 10)
    expect(lasting.map(({ opened }) => opened)).toEqual(lasting.map(() => 1))
    expect(heaps.at(-1)! - heaps[1]!).toBeLessThan(5_000_000)
    console.log(
      `${server.published * clientCount} deliveries; heap in MB:`,
      heaps.map((bytes) => (bytes / 1e6).toFixed(1)).join(' '),
    )
  },
  (seconds + 60) * 1_000,
)
