/**
 * A client of `ioredis` or of `redis` (node-redis): of one Redis server, or of the primary that sentinels name,
 * or of a cluster, of which that primary is used which has the namespace's slot.
 * It says how to connect (address, TLS, credentials, database) and nothing more: the backplane opens connections of
 * its own by `duplicate()`, and neither uses nor closes this one. So it may be busy, blocked or not connected.
 */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster | NodeRedisSentinel

/** What is used of an `ioredis` client. */
export interface IoredisClient {
  readonly status: string
  duplicate(override?: object): unknown
}

/** What is used of a `Cluster` of `ioredis`. */
export interface IoredisCluster {
  readonly status: string
  nodes(): unknown
  duplicate(overrideStartupNodes?: [], overrideOptions?: object): unknown
}

/** What is used of a client that `createCluster` of `redis` made. */
export interface NodeRedisCluster {
  nodeClient(node: never): unknown
  duplicate(overrides?: object): unknown
}

/** What is used of a client that `createSentinel` of `redis` made. */
export interface NodeRedisSentinel {
  getMasterNode(): unknown
  duplicate(overrides?: object): unknown
}

/** What is used of a `redis` client. */
export interface NodeRedisClient {
  readonly isReady: boolean
  readonly options?: object
  duplicate(overrides?: object): unknown
}

/**
 * One connection that is used once: when it breaks it is over. A client that reconnects by itself hides the hole in
 * what it received, and sends commands again that were carried out already.
 */
export interface RedisConnection {
  /** Called with what comes by pub/sub. */
  onMessage: (channel: string, text: string) => void
  /** Called once, when it is over. */
  onClose: (error: Error) => void
  open(): Promise<void>
  send(command: readonly string[]): Promise<unknown>
  subscribe(channels: string[]): Promise<unknown>
  unsubscribe(channels: string[]): Promise<unknown>
  close(): void
}
