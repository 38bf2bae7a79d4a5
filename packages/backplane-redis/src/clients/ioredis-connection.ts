import type { IoredisClient, RedisConnection } from './redis-client.js'

interface Duplicate {
  on(event: 'message', listener: (channel: string, text: string) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  connect(): Promise<void>
  call(command: string, ...args: string[]): Promise<unknown>
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>
  disconnect(): void
}

export function ioredisConnection(client: IoredisClient, timeoutMs: number): RedisConnection {
  const duplicate = client.duplicate({
    lazyConnect: true,
    connectTimeout: timeoutMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    reconnectOnError: null,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: timeoutMs,
    commandTimeout: undefined,
    keyPrefix: '',
    stringNumbers: false,
  }) as Duplicate
  let cause: Error | undefined
  const connection: RedisConnection = {
    onMessage: () => {},
    onClose: () => {},
    open: () => duplicate.connect(),
    send: ([command, ...args]) => duplicate.call(command!, ...args),
    subscribe: (channels) => duplicate.subscribe(...channels),
    unsubscribe: (channels) => duplicate.unsubscribe(...channels),
    close: () => duplicate.disconnect(),
  }
  duplicate.on('message', (channel, text) => connection.onMessage(channel, text))
  duplicate.on('error', (error) => {
    cause = error
  })
  duplicate.on('end', () => connection.onClose(cause ?? new Error('The connection to Redis was closed.')))
  return connection
}
