import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { constants, createGzip } from 'node:zlib'
import { EventManager, type HeartbeatOptions } from '@rivulet/server'
import { sharedDeflate } from '@rivulet/server/deflate'
import { handleEventStream } from '@rivulet/server/node'
import { build } from 'esbuild'
import { certificate } from '../../packages/server/test/certificate.js'
import { events } from './contract.js'

/** A request for a stream, as the server received it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  body: string
}

/** A real server for the pages of one check. Each has its own port and so its own origin: nothing is left from another check. */
export interface Site {
  /** `http://localhost:…`, or `https://…` over HTTP/2. */
  readonly origin: string
  readonly manager: EventManager<typeof events>
  /** Requests for streams. */
  readonly seen: SeenRequest[]
  /** Number of the next requests for a stream to refuse with 503. */
  refuse: number
  /** Publishes this many further numbers at once. */
  publish(count: number): void
  /** Number of published events. */
  readonly published: number
  /** Breaks every connection, like a network. */
  drop(): void
  /** Stops with every connection, and comes back on the same port. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

export interface SiteOptions {
  readonly http2?: boolean
  readonly heartbeat?: HeartbeatOptions
}

const deflate = sharedDeflate()

type NodeRequest = IncomingMessage | Http2ServerRequest
type NodeResponse = ServerResponse | Http2ServerResponse

/** Scripts of the pages, built once. */
export async function buildScripts(): Promise<ReadonlyMap<string, string>> {
  const scripts = new Map<string, string>()
  for (const name of ['page.ts', 'react.tsx', 'vue.ts']) {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
      bundle: true,
      write: false,
      conditions: ['@rivulet/source'],
      define: { 'process.env.NODE_ENV': '"production"' },
      jsx: 'automatic',
      logLevel: 'error',
    })
    scripts.set(`/${name.replace(/\..*/, '')}`, outputFiles[0]!.text)
  }
  return scripts
}

/** Passes every request on, as caching service workers do with requests that they do not cache. */
const serviceWorker = `
  self.addEventListener('install', () => self.skipWaiting())
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
  self.addEventListener('fetch', (event) => event.respondWith(fetch(event.request)))`

/** A page that may not store anything, and reports its events to the surrounding page. */
const framed = `
  <script src="/page.js"></script>
  <script>
    lab.open({ url: '/events', shared: { key: 'ada' }, persist: true })
    setInterval(() => parent.postMessage(lab.streams[0].had.received.length, '*'), 50)
  </script>`
const frame = `
  <iframe sandbox="allow-scripts" src="/framed"></iframe>
  <script>onmessage = ({ data }) => { document.title = 'received ' + data }</script>`

const pages: Record<string, string> = { '/blank': 'blank', '/frame': frame, '/framed': framed }

export async function createSite(scripts: ReadonlyMap<string, string>, options: SiteOptions = {}): Promise<Site> {
  const manager = new EventManager({
    events,
    retryMs: 100,
    heartbeat: options.heartbeat,
    retention: { maxEvents: 200_000, maxBytes: 1e8 },
  })
  const seen: SeenRequest[] = []
  let port = 0

  function answer(request: NodeRequest, response: NodeResponse): void {
    const { pathname } = new URL(request.url!, 'http://site.test')
    const script = scripts.get(pathname.replace(/\.js$/, ''))
    if (pathname.startsWith('/events')) {
      answerStream(pathname, request, response)
      return
    }
    if (pathname.endsWith('.js')) {
      response.setHeader('content-type', 'text/javascript')
      return void (response as ServerResponse).end(pathname === '/worker.js' ? serviceWorker : script)
    }
    response.setHeader('content-type', 'text/html')
    if (pathname === '/login') response.setHeader('set-cookie', 'user=ada; Path=/; SameSite=Lax')
    const html = pages[pathname] ?? `<script src="${script ? pathname : '/page'}.js"></script>`
    ;(response as ServerResponse).end(`<!doctype html><meta charset="utf-8"><body>${html}`)
  }

  function answerStream(path: string, request: NodeRequest, response: NodeResponse): void {
    if (request.headers.origin) {
      response.setHeader('access-control-allow-origin', request.headers.origin)
      response.setHeader('access-control-allow-credentials', 'true')
      response.setHeader('access-control-allow-headers', 'last-event-id, x-attempt')
    }
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const entry = { method: request.method!, path, headers: request.headers, body: '' }
    seen.push(entry)
    request.on('data', (chunk: Buffer) => {
      entry.body += chunk
    })
    if (site.refuse > 0) {
      site.refuse--
      return void response.writeHead(503).end()
    }
    if (path === '/events/gzip') compress(response as ServerResponse)
    void handleEventStream(manager, request, response, {
      compression: path === '/events/deflate' ? deflate : undefined,
      channels: [new URL(request.url!, 'http://x').searchParams.get('channel') ?? 'default'],
    })
  }

  const sockets = new Set<Socket>()
  let server = makeServer()

  function makeServer() {
    const made = options.http2 ? createSecureServer(certificate, answer) : createServer(answer as RequestListener)
    made.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    return made
  }

  async function start(): Promise<void> {
    await new Promise<void>((resolve) => server.listen(port, resolve))
    ;({ port } = server.address() as AddressInfo)
  }

  function drop(): void {
    for (const socket of sockets) socket.resetAndDestroy()
  }

  async function stop(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    drop()
    await closed
    server = makeServer()
  }

  let published = 0
  await start()
  const site: Site = {
    origin: `${options.http2 ? 'https' : 'http'}://localhost:${port}`,
    manager,
    seen,
    refuse: 0,
    publish(count) {
      for (let left = count; left > 0; left--) manager.emit('tick', { n: ++published })
    },
    get published() {
      return published
    },
    drop,
    stop,
    start,
    async close() {
      await manager.close()
      drop()
      server.close()
    },
  }
  return site
}

/** Compresses a response like middleware: `write` goes through gzip, and `flush` sends the compressed bytes. */
function compress(response: ServerResponse): void {
  const gzip = createGzip()
  const { write, end } = response
  response.setHeader('content-encoding', 'gzip')
  gzip.on('data', (chunk) => write.call(response, chunk, 'utf8'))
  gzip.on('end', () => end.call(response, undefined, 'utf8'))
  response.write = ((chunk: Uint8Array) => gzip.write(chunk)) as typeof response.write
  response.end = (() => gzip.end()) as never
  Object.assign(response, { flush: () => gzip.flush(constants.Z_SYNC_FLUSH) })
}
