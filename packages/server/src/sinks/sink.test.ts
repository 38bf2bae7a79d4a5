import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createSecureServer, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { certificate } from '../../test/certificate.js'
import { openHttp } from '../../test/http-client.js'
import { events, serveWith, streamOptions } from '../../test/served.js'
import { decode, describeSink } from '../../test/sink-checks.js'
import { listen } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import { eventStreamResponse } from '../web.js'

describeSink('HTTP/1.1', async (setup) => {
  const manager = new EventManager({ events, ...setup.manager })
  const options = streamOptions(setup)
  const url = await listen(
    createServer((request, response) => void handleEventStream(manager, request, response, options)),
  )
  return serveWith(manager, (headers, method) => openHttp(url, headers, method))
})

describeSink('HTTP/2, secure', async (setup) => {
  const manager = new EventManager({ events, ...setup.manager })
  const options = streamOptions(setup)
  const server = createSecureServer(certificate, (request, response) => {
    void handleEventStream(manager, request, response, options)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    ca: certificate.cert,
    servername: 'localhost',
  })
  session.on('error', () => {})
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return serveWith(manager, async (headers, method) => {
    const stream = session.request({ ':path': '/', ':method': method, ...headers })
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    const decoded = decode()
    stream.on('data', decoded.feed).on('error', () => {})
    return {
      ...decoded,
      status: Number(head[':status']),
      headers: head,
      ended: new Promise((resolve) => stream.on('close', resolve)),
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      leave: () => stream.close(),
    }
  })
})

describeSink('web-standard Response', async (setup) => {
  const manager = new EventManager({ events, ...setup.manager })
  const options = streamOptions(setup)
  return serveWith(manager, async (headers, method) => {
    const abort = new AbortController()
    const request = new Request('http://localhost/', { headers, method, signal: abort.signal })
    const response = await eventStreamResponse(manager, request, options)
    const decoded = decode()
    let resume: (() => void) | undefined
    let paused: Promise<void> | undefined
    const read = async () => {
      const reader = response.body?.getReader()
      try {
        while (reader) {
          await paused
          const { done, value } = await reader.read()
          if (done) return
          decoded.feed(value)
        }
      } catch {
        // The stream was cut off.
      }
    }
    return {
      ...decoded,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      ended: read(),
      pause() {
        paused = new Promise((resolve) => {
          resume = resolve
        })
      },
      resume: () => resume?.(),
      leave: () => abort.abort(),
    }
  })
})
