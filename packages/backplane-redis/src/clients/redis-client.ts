/**
 * A client of `ioredis` or `redis` (node-redis), for one Redis server, for the primary that sentinels name, or for a cluster.
 * In a cluster the backplane uses the primary of the namespace's slot.
 *
 * The client only describes the connection: address, TLS, credentials, database. The backplane opens its own connections with
 * `duplicate()`, and neither uses nor closes this client, which may be busy, blocked or not connected.
 */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster | NodeRedisSentinel

/** The part of an `ioredis` client that the backplane uses. */
export interface IoredisClient {
  readonly status: string
  duplicate(override?: object): unknown
}

/** The part of an `ioredis` `Cluster` that the backplane uses. */
export interface IoredisCluster {
  readonly status: string
  nodes(): unknown
  duplicate(overrideStartupNodes?: [], overrideOptions?: object): unknown
}

/** The part of a client made by `createCluster` of `redis` that the backplane uses. */
export interface NodeRedisCluster {
  nodeClient(node: never): unknown
  duplicate(overrides?: object): unknown
}

/** The part of a client made by `createSentinel` of `redis` that the backplane uses. */
export interface NodeRedisSentinel {
  getMasterNode(): unknown
  duplicate(overrides?: object): unknown
}

/** The part of a `redis` client that the backplane uses. */
export interface NodeRedisClient {
  readonly isReady: boolean
  readonly options?: object
  duplicate(overrides?: object): unknown
}

/**
 * One connection that ends when it breaks. A client that reconnects by itself would hide the messages that it missed, and
 * would repeat commands that were carried out already.
 */
export interface RedisConnection {
  /** Called with each message of pub/sub. */
  onMessage: (channel: string, text: string) => void
  /** Called once, when it ends. */
  onClose: (error: Error) => void
  open(): Promise<void>
  send(command: readonly string[]): Promise<unknown>
  subscribe(channels: string[]): Promise<unknown>
  unsubscribe(channels: string[]): Promise<unknown>
  close(): void
}
