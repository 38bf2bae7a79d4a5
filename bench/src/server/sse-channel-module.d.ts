declare module 'sse-channel' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** The part that the benchmark uses. The package has no types. */
  class SseChannel {
    constructor(options?: { jsonEncode?: boolean })
    addClient(request: IncomingMessage, response: ServerResponse): void
    getConnectionCount(): number
    send(message: { id: number; event: string; data: unknown }): void
  }
  export = SseChannel
}
