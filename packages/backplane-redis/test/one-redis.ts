import type { BackplaneMessage, PublishOptions } from '@rivulet/server'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { RedisBackplane, type RedisBackplaneOptions } from '../src/redis-backplane.js'
import { clients } from './clients.js'
import { RedisServer } from './redis-server.js'

export const kept: PublishOptions = { retain: true }

export function text(data: string): BackplaneMessage {
  return { type: 'log', data }
}

interface Node {
  readonly backplane: RedisBackplane
  readonly namespace: string
}

/** One Redis server for the tests of a file, and backplanes on it. Each has a namespace of its own, unless one is given. */
export class OneRedis {
  server!: RedisServer
  admin!: Redis
  #namespaces = 0

  constructor() {
    beforeAll(async () => {
      this.server = await RedisServer.start()
      this.admin = new Redis({ port: this.server.port, host: '127.0.0.1' })
    })
    afterAll(async () => {
      this.admin.disconnect()
      await this.server.dispose()
    })
  }

  node(options: Partial<RedisBackplaneOptions> = {}, port: number = this.server.port): Node {
    const namespace = options.namespace ?? `test-${this.#namespaces++}`
    const backplane = new RedisBackplane({ client: clients.ioredis!(port), ...options, namespace })
    onTestFinished(() => backplane.close())
    return { backplane, namespace }
  }

  async behindProxy(options: Partial<RedisBackplaneOptions> = {}): Promise<Node & { proxy: TcpProxy }> {
    const proxy = await TcpProxy.start(this.server.port)
    onTestFinished(() => proxy.dispose())
    return { proxy, ...this.node(options, proxy.port) }
  }
}
