import { once } from 'node:events'
import { expect, it } from 'vitest'
import { fetchSource } from './fetch-source.js'
import { serve } from './testing.js'

const limits = { timeoutMs: 10_000, maxBytes: 1_000 }

it('returns the body and its content type', async () => {
  const origin = await serve((_request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end('ü 203.0.113.1:80')
  })
  expect(await fetchSource(origin, limits)).toEqual({
    body: 'ü 203.0.113.1:80',
    contentType: 'text/plain; charset=utf-8',
  })
})

it('names the status of an unsuccessful answer', async () => {
  const origin = await serve((_request, response) => {
    response.statusCode = 503
    response.end('later')
  })
  await expect(fetchSource(origin, limits)).rejects.toThrow('HTTP 503 Service Unavailable')
})

it('gives up on a page that begins but does not end in time', async () => {
  const origin = await serve((_request, response) => {
    response.write('203.0.113.1:80')
  })
  await expect(fetchSource(origin, { ...limits, timeoutMs: 50 })).rejects.toThrow('No complete answer within 50 ms')
})

it('refuses a body above the limit while it arrives, and ends the request', async () => {
  let closed: Promise<unknown> | undefined
  const origin = await serve((_request, response) => {
    closed = once(response, 'close')
    response.write('x'.repeat(600))
    response.write('x'.repeat(600))
  })
  await expect(fetchSource(origin, limits)).rejects.toThrow('Body larger than 1000 bytes')
  await closed
})

it('accepts a body of exactly the limit', async () => {
  const origin = await serve((_request, response) => void response.end('x'.repeat(1_000)))
  expect((await fetchSource(origin, limits)).body).toHaveLength(1_000)
})

it('says why the network failed', async () => {
  const origin = await serve((request) => request.socket.destroy())
  await expect(fetchSource(origin, limits)).rejects.toThrow(/UND_ERR_SOCKET|ECONNRESET/)
})

it('ends when its signal aborts', async () => {
  const stop = new AbortController()
  const origin = await serve(() => stop.abort())
  await expect(fetchSource(origin, { ...limits, signal: stop.signal })).rejects.toThrow('aborted')
})
