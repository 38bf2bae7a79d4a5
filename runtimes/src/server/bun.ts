import { createApp } from './app.js'

declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    fetch: (request: Request) => Promise<Response>
  }): {
    readonly port: number
  }
}

// By default, Bun closes a stream that is idle for ten seconds.
const { port } = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: createApp() })
console.log(`http://127.0.0.1:${port}/`)
