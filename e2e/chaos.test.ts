import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, it, onTestFinished, vi } from 'vitest'
import { randomFrom } from '../test-support/random.js'
import { ChaosProxy } from './chaos-proxy.js'
import { ReloadingClient } from './reloading-client.js'
import { SharingTabs } from './sharing-tabs.js'
import { TickingClient, TickingServer } from './ticking-server.js'

const seconds = Number(process.env.RIVULET_CHAOS_SECONDS ?? 6)
const clientCount = Number(process.env.RIVULET_CHAOS_CLIENTS ?? 20)
const seed = Number(process.env.RIVULET_SEED ?? 1)
const perSecond = 100

it(
  `gives every client every event once and in order through a proxy that cuts, stalls and restarts (seed ${seed})`,
  async () => {
    const delay = monitorEventLoopDelay()
    delay.enable()
    // Half a minute of events: longer than any outage, and far less than the whole run.
    const server = await new TickingServer({ maxEvents: 30 * perSecond }).start()
    const proxy = await new ChaosProxy(server.port).start()
    const clients = Array.from({ length: clientCount }, (_, n) =>
      n % 2 === 0 ? new TickingClient(proxy.url) : new ReloadingClient(proxy.url, randomFrom(seed + n)),
    )
    const tabs = new SharingTabs(proxy.url, randomFrom(seed - 1))
    onTestFinished(async () => {
      for (const client of [...clients, tabs]) client.close()
      await proxy.stop()
      await server.stop()
      vi.unstubAllGlobals()
    })
    // The tabs share one connection.
    await expect.poll(() => server.connections, { timeout: 30_000 }).toBe(clientCount + 1)

    const chaos = failAtRandom(proxy)
    await server.tick(seconds, perSecond)
    await chaos.stop()
    tabs.settle()
    // The tab that was opened last must receive events too.
    await expect
      .poll(() => tabs.states, { timeout: 30_000 })
      .toEqual(tabs.states.map(() => expect.objectContaining({ status: 'open' })))
    await server.tick(1, perSecond)

    // Only the server announces gaps here: a client that loses its stream is back within a few seconds.
    await expect
      .poll(() => [...clients.map(stateOf), ...tabs.states].filter(({ received }) => received < server.published), {
        timeout: 30_000,
      })
      .toEqual([])
    tabs.close()
    const rate = Math.round(server.published / seconds)
    console.log(`${server.published} events, ${rate} a second.`, loadOf(delay))
    expect([...clients, tabs].flatMap(({ mistakes }) => mistakes as unknown[])).toEqual([])
    expect([...clients, tabs].flatMap(({ gaps }) => gaps as unknown[])).toEqual([])
    expect(server.errors).toEqual([])

    const connects = clients.reduce((sum, { opened }) => sum + opened, 0)
    const reloading = clients.filter((client) => client instanceof ReloadingClient)
    const pages = reloading.reduce((sum, client) => sum + client.pages, 0)
    const loops = reloading.reduce((sum, client) => sum + client.loops, 0)
    const counts = `${clientCount} clients, ${connects} connections, ${pages} pages, ${loops} loops, ${tabs.pages} tabs with ${tabs.count} events`
    console.log(counts, proxy.faults)
    expect(pages).toBeGreaterThan(reloading.length)
    expect(tabs.pages).toBeGreaterThan(4)
    // A few seconds of each page's life pass without a connection. Without sharing, nothing would come at all.
    expect(tabs.count).toBeGreaterThan(2 * server.published)
    expect(loops).toBeGreaterThan(2 * reloading.length)
    expect(Math.min(...Object.values(proxy.faults))).toBeGreaterThan(0)
    expect(connects).toBeGreaterThan(2 * clientCount)
  },
  (seconds + 90) * 1_000,
)

/** State of a client, for a failed test. */
function stateOf({ received, opened, gaps, stream }: TickingClient | ReloadingClient) {
  return { received, opened, status: stream.status, attempt: stream.state.attempt, gaps }
}

/** The load of the process: a test in an overloaded one would prove nothing. */
function loadOf(delay: IntervalHistogram): { delayP99Ms: number; delayMaxMs: number; cpu: number } {
  const { user, system } = process.cpuUsage()
  return {
    delayP99Ms: Math.round(delay.percentile(99) / 1e6),
    delayMaxMs: Math.round(delay.max / 1e6),
    cpu: (user + system) / 1e6 / process.uptime(),
  }
}

/** Every 100 ms, cuts, ends or stalls each connection at random, and sometimes restarts the whole proxy. */
function failAtRandom(proxy: ChaosProxy): { stop(): Promise<void> } {
  const random = randomFrom(seed)
  const restarts: Promise<void>[] = []
  let rounds = 0
  const timer = setInterval(() => {
    rounds++
    // The first restart is certain, so that a short run has one too.
    if (rounds === 20 || random() < 0.005) {
      restarts.push(proxy.restart(random() * 1_000))
      return
    }
    for (const passage of proxy.passages) {
      const chance = random()
      if (chance < 0.02) proxy.reset(passage)
      else if (chance < 0.04) proxy.end(passage)
      else if (chance < 0.05) proxy.stall(passage)
    }
  }, 100)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(restarts)
    },
  }
}
