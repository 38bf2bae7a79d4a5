import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../test-support/free-port.js'
import { RedisProcess } from './redis-process.js'
import { command, connectionsTo, RedisServer } from './redis-server.js'

const count = 3

/** A primary, a replica, and three sentinels that watch over them. */
export class Sentinels {
  readonly name = 'events'
  readonly servers: readonly RedisServer[]
  readonly ports: readonly number[]
  readonly #dir: string
  readonly #processes: readonly RedisProcess[]

  private constructor(servers: readonly RedisServer[], ports: readonly number[], dir: string) {
    this.servers = servers
    this.ports = ports
    this.#dir = dir
    this.#processes = ports.map((port) => new RedisProcess([this.#configuration(port), '--sentinel']))
  }

  static async start(): Promise<Sentinels> {
    const primary = await RedisServer.start()
    const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] })
    await replica.followed()
    const ports: number[] = []
    for (let n = 0; n < count; n++) ports.push(await freePort())
    const sentinels = new Sentinels([primary, replica], ports, await mkdtemp(join(tmpdir(), 'rivulet-sentinels-')))
    await sentinels.#start(primary.port)
    return sentinels
  }

  #configuration(port: number): string {
    return join(this.#dir, `${port}.conf`)
  }

  async #start(primary: number): Promise<void> {
    for (const [index, process] of this.#processes.entries()) {
      const port = this.ports[index]!
      // A sentinel writes into its configuration what it finds out.
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${this.#dir}`,
        `sentinel monitor ${this.name} 127.0.0.1 ${primary} 2`,
        `sentinel down-after-milliseconds ${this.name} 500`,
        `sentinel failover-timeout ${this.name} 2000`,
      ]
      await writeFile(this.#configuration(port), lines.join('\n'))
      await process.start()
    }
    for (const port of this.ports)
      while (!(await this.#knowsAll(port))) await new Promise((done) => setTimeout(done, 50))
  }

  /** True if a sentinel could promote the replica: it knows the replica and the other sentinels. */
  async #knowsAll(port: number): Promise<boolean> {
    const fields = (await command(port, 'sentinel', 'master', this.name)) as string[]
    const field = (name: string) => Number(fields[fields.indexOf(name) + 1])
    return field('num-slaves') === 1 && field('num-other-sentinels') === count - 1
  }

  /** The one that the sentinels take for the primary. */
  async primary(): Promise<RedisServer> {
    const [, port] = (await command(this.ports[0]!, 'sentinel', 'get-master-addr-by-name', this.name)) as string[]
    return this.servers.find((server) => server.port === Number(port))!
  }

  connections(): Promise<number> {
    return connectionsTo([...this.ports, ...this.servers.map(({ port }) => port)])
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()))
    await Promise.all(this.servers.map((server) => server.dispose()))
    await rm(this.#dir, { recursive: true, force: true })
  }
}
