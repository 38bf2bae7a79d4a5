import type { NodeRedisClient, RedisConnection } from './redis-client.js'

interface Duplicate {
  readonly isOpen: boolean
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect' | 'end', listener: () => void): unknown
  connect(): Promise<unknown>
  sendCommand(args: readonly string[]): Promise<unknown>
  subscribe(channels: string[], listener: (text: string, channel: string) => void): Promise<unknown>
  unsubscribe(channels: string[]): Promise<unknown>
  destroy(): void
}

export function nodeRedisConnection(client: NodeRedisClient, timeoutMs: number): RedisConnection {
  const { socket } = (client.options ?? {}) as { socket?: object }
  const duplicate = client.duplicate({
    socket: { ...socket, connectTimeout: timeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    commandOptions: undefined,
    clientSideCache: undefined,
    // It would move to another server silently, and the messages of the meantime would be lost.
    maintNotifications: 'disabled',
    keyPrefix: undefined,
  }) as Duplicate
  let over = false
  let hasSocket = false
  let closed = false
  const listener = (text: string, channel: string) => connection.onMessage(channel, text)
  const end = (error: Error) => {
    if (over) return
    over = true
    connection.onClose(error)
  }
  const connection: RedisConnection = {
    onMessage: () => {},
    onClose: () => {},
    open: async () => void (await duplicate.connect()),
    send: (command) => duplicate.sendCommand(command),
    subscribe: (channels) => duplicate.subscribe(channels, listener),
    unsubscribe: (channels) => duplicate.unsubscribe(channels),
    close() {
      closed = true
      // A client that is destroyed before it has a socket leaks the one that it then gets.
      if (hasSocket && duplicate.isOpen) duplicate.destroy()
    },
  }
  duplicate.on('connect', () => {
    hasSocket = true
    if (closed) duplicate.destroy()
  })
  duplicate.on('error', end)
  duplicate.on('end', () => end(new Error('The connection to Redis was closed.')))
  return connection
}
