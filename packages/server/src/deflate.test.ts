import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { connect, createServer as createHttp2Server, type Http2Server } from 'node:http2'
import { createInflate, inflateSync } from 'node:zlib'
import { createDecoder, defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../test/harness.js'
import { dataOf, listen } from '../test/stream-client.js'
import { type Compression, sharedDeflate } from './deflate.js'
import { blockOf } from './delivery/compression.js'
import { EventManager } from './event-manager.js'
import { handleEventStream } from './node.js'
import { Payload } from './sinks/payload.js'
import type { EventStreamOptions } from './streams/stream-options.js'
import { eventStreamResponse } from './web.js'

const events = defineEvents({
  price: z.object({ n: z.number(), symbol: z.string(), bid: z.number(), ask: z.number(), venue: z.string() }),
})
type Options = EventStreamOptions<unknown, unknown, typeof events>

function price(n: number) {
  return { n, symbol: `CHF/EUR-${n % 7}`, bid: 1.0412 + n / 1e4, ask: 1.0415 + n / 1e4, venue: 'Zürich SIX exchange' }
}

interface Reader {
  readonly headers: IncomingMessage['headers']
  readonly messages: SseMessage[]
  /** Number of bytes before decompression. */
  readonly bytes: () => number
  /** Resolves when the stream has ended, and rejects if its checksum is wrong. */
  readonly ended: Promise<unknown>
}

/** Reads a stream through zlib itself. */
function read(response: IncomingMessage): Reader {
  const messages: SseMessage[] = []
  const decoder = createDecoder({ onMessage: (message) => messages.push(message) })
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  const body = response.headers['content-encoding'] === 'deflate' ? response.pipe(createInflate()) : response
  body.on('data', (chunk: Buffer) => decoder.feed(chunk))
  const ended = once(body, 'end')
  ended.catch(() => {})
  return { headers: response.headers, messages, bytes: () => bytes, ended }
}

async function open(url: string, acceptEncoding = 'gzip, deflate'): Promise<Reader> {
  const sent = request(url, {
    agent: false,
    headers: acceptEncoding === '' ? {} : { 'accept-encoding': acceptEncoding },
  }).end()
  onTestFinished(() => void sent.destroy())
  const [response] = await once(sent, 'response')
  response.on('error', () => {})
  return read(response)
}

async function start(
  options: Options = { compression: sharedDeflate() },
  wrap?: (listener: RequestListener) => RequestListener,
) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError })
  onTestFinished(() => manager.close())
  const listener: RequestListener = (incoming, response) => void handleEventStream(manager, incoming, response, options)
  const url = await listen(createServer(wrap ? wrap(listener) : listener))
  const numbers = ({ messages }: Reader) => dataOf(messages, 'price').map(({ n }) => n)
  const has = (reader: Reader, count: number) => vi.waitFor(() => expect(numbers(reader)).toHaveLength(count))
  return { manager, url, onError, numbers, has }
}

describe('a compressed stream', () => {
  it('brings each event at once, and ends with a valid checksum', async () => {
    const { manager, url, has, numbers } = await start()
    const reader = await open(url)
    expect(reader.headers).toMatchObject({ 'content-encoding': 'deflate', 'content-type': 'text/event-stream' })
    for (let n = 0; n < 50; n++) {
      await manager.publish('price', price(n))
      await has(reader, n + 1)
    }
    expect(numbers(reader)).toEqual(Array.from({ length: 50 }, (_, n) => n))
    await manager.close()
    await reader.ended
    expect(reader.messages.at(-1)).toMatchObject({ event: 'rivulet:close' })
  })

  it('takes at most 30 % of the bytes of typical JSON events', async () => {
    const { manager, url, has } = await start()
    const [plain, compressed] = [await open(url, 'identity'), await open(url)]
    for (let n = 0; n < 500; n++) {
      await manager.publish('price', price(n))
      if (n % 10 === 9) await has(plain, n + 1)
    }
    await has(compressed, 500)
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(compressed.bytes() / plain.bytes()).toBeLessThan(0.3)
  })

  it('is right for streams that join at any moment, and for their resumes', async () => {
    const { manager, url, has, numbers } = await start({ compression: sharedDeflate(), replay: 20 })
    const readers: Reader[] = []
    for (let n = 0; n < 300; n++) {
      if (n % 20 === 0) readers.push(await open(url))
      await manager.publish('price', price(n))
    }
    for (const [index, reader] of readers.entries()) {
      const first = Math.max(0, index * 20 - 20)
      await has(reader, 300 - first)
      expect(numbers(reader)).toEqual(Array.from({ length: 300 - first }, (_, n) => first + n))
    }
    await manager.close()
    for (const { ended } of readers) await ended
  })

  it('carries an event larger than a block', async () => {
    const { manager, url, has } = await start()
    const reader = await open(url)
    for (const size of [65_000, 300_000]) {
      const venue = Array.from({ length: size }, (_, index) => String.fromCharCode(33 + ((index * index) % 90))).join(
        '',
      )
      await manager.publish('price', { ...price(1), venue })
      await manager.publish('price', price(2))
    }
    await has(reader, 4)
    expect(dataOf(reader.messages, 'price')[2]!.venue).toHaveLength(300_000)
    await manager.close()
    await reader.ended
  })

  it.each([
    ['nothing', ''],
    ['other encodings', 'gzip, br, zstd'],
    ['a weight of zero', 'gzip, deflate;q=0'],
    ['a weight of zero with decimals', 'deflate; q=0.000, gzip'],
  ])('is not compressed for a client that accepts %s', async (_, acceptEncoding) => {
    const { manager, url, has } = await start()
    const reader = await open(url, acceptEncoding)
    await manager.publish('price', price(1))
    await has(reader, 1)
    expect(reader.headers['content-encoding']).toBeUndefined()
  })

  it('is compressed for a weight above zero, whatever the case', async () => {
    const { url } = await start()
    expect((await open(url, 'GZIP, Deflate;q=0.5')).headers['content-encoding']).toBe('deflate')
  })

  it('is not compressed unless its route says so', async () => {
    const { manager, url, has } = await start({})
    const reader = await open(url)
    await manager.publish('price', price(1))
    await has(reader, 1)
    expect(reader.headers['content-encoding']).toBeUndefined()
  })

  it('is not compressed with a filter, which would need it once for each stream', async () => {
    const { manager, url, has } = await start({ compression: sharedDeflate(), filter: () => true })
    const reader = await open(url)
    await manager.publish('price', price(1))
    await has(reader, 1)
    expect(reader.headers['content-encoding']).toBeUndefined()
  })

  it('is left to middleware that already encodes the response', async () => {
    const { manager, url, has } = await start({ compression: sharedDeflate() }, (listener) => (incoming, response) => {
      const write = response.write.bind(response)
      response.write = ((chunk: Uint8Array) => write(chunk)) as typeof response.write
      listener(incoming, response)
    })
    const reader = await open(url)
    await manager.publish('price', price(1))
    await has(reader, 1)
    expect(reader.headers['content-encoding']).toBeUndefined()
  })

  it('keeps the headers that middleware has set', async () => {
    const { manager, url, has } = await start({ compression: sharedDeflate() }, (listener) => (incoming, response) => {
      response.setHeader('access-control-allow-origin', '*')
      listener(incoming, response)
    })
    const reader = await open(url)
    await manager.publish('price', price(1))
    await has(reader, 1)
    expect(reader.headers).toMatchObject({ 'access-control-allow-origin': '*', 'content-encoding': 'deflate' })
  })

  it.each(['deflate', 'identity', 'HEAD'])('tells caches that it depends on Accept-Encoding: %s', async (accepted) => {
    const { url } = await start()
    const method = accepted === 'HEAD' ? 'HEAD' : 'GET'
    const response = await fetch(url, { method, headers: { 'accept-encoding': accepted } })
    expect(response.headers.get('vary')).toBe('Accept-Encoding')
    await response.body?.cancel()
  })

  it.each([
    ['Origin', 'Origin, Accept-Encoding'],
    [['Origin', 'Cookie'], 'Origin, Cookie, Accept-Encoding'],
    ['accept-encoding, Origin', 'accept-encoding, Origin'],
    ['*', '*'],
  ])('adds to what middleware has set: Vary: %s', async (set, sent) => {
    const { url } = await start({ compression: sharedDeflate() }, (listener) => (incoming, response) => {
      response.setHeader('Vary', set)
      listener(incoming, response)
    })
    for (const accepted of ['deflate', 'identity']) expect((await open(url, accepted)).headers.vary).toBe(sent)
  })

  it.each<[string, Options]>([
    ['it is never compressed', {}],
    ['it has a filter', { compression: sharedDeflate(), filter: () => true }],
  ])('does not depend on Accept-Encoding if %s', async (_, options) => {
    const { url } = await start(options)
    expect((await open(url)).headers.vary).toBeUndefined()
  })

  it('works over HTTP/2', async () => {
    const manager = new EventManager({ events })
    onTestFinished(() => manager.close())
    const options: Options = { compression: sharedDeflate() }
    const server: Http2Server = createHttp2Server((incoming, response) => {
      void handleEventStream(manager, incoming, response, options)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const stream = session.request({ 'accept-encoding': 'deflate' })
    const [headers] = await once(stream, 'response')
    const { messages } = read(Object.assign(stream, { headers }) as unknown as IncomingMessage)
    for (let n = 0; n < 20; n++) await manager.publish('price', price(n))
    await vi.waitFor(() => expect(dataOf(messages, 'price')).toHaveLength(20))
    expect(headers).toMatchObject({ 'content-encoding': 'deflate', vary: 'Accept-Encoding' })
  })

  it('works as a web-standard response', async () => {
    const manager = new EventManager({ events })
    const headers = { 'accept-encoding': 'deflate' }
    const asked = new Request('http://localhost/events', { headers })
    const response = await eventStreamResponse(manager, asked, { compression: sharedDeflate() })
    expect(response.headers.get('content-encoding')).toBe('deflate')
    expect(response.headers.get('vary')).toBe('Accept-Encoding')
    const reading = new Response(response.body!.pipeThrough(new DecompressionStream('deflate'))).text()
    for (let n = 0; n < 20; n++) await manager.publish('price', price(n))
    await vi.waitFor(() => expect(manager.stats().deliveries).toBe(20))
    await manager.close()
    const text = await reading
    expect(text.match(/^event: price$/gm)).toHaveLength(20)
  })
})

it.skipIf(spawnSync('curl', ['--version']).status !== 0)('is read by curl as it comes', async () => {
  const { manager, url } = await start()
  const curl = spawn('curl', ['--no-buffer', '--silent', '--compressed', url])
  onTestFinished(() => void curl.kill())
  let text = ''
  curl.stdout.on('data', (chunk) => {
    text += chunk
  })
  await vi.waitFor(() => expect(manager.connections.size).toBe(1))
  for (let n = 0; n < 50; n++) {
    await manager.publish('price', price(n))
    await vi.waitFor(() => expect(text).toContain(`{"n":${n},`))
  }
})

it('compresses an event once, however many streams get it', async () => {
  const compression = { ...sharedDeflate() }
  const compress = vi.spyOn(compression, 'compress')
  const { manager, connect, calm } = createHarness({ events })
  for (let count = 0; count < 40; count++) await connect({ compression }, undefined, undefined, 'deflate')
  // From here on, all of them have had the same.
  for (let n = 0; n < 100; n++) {
    await manager.publish('price', price(n))
    await calm()
  }
  compress.mockClear()
  for (let n = 0; n < 100; n++) {
    await manager.publish('price', price(n))
    await calm()
  }
  expect(compress).toHaveBeenCalledTimes(100)
})

it('brings streams that had an event of their own back to the others', async () => {
  const compression = { ...sharedDeflate() }
  const compress = vi.spyOn(compression, 'compress')
  const { manager, connect, calm, clock } = createHarness({ events, heartbeat: { intervalMs: 1_000 } })
  for (let count = 0; count < 3; count++) await connect({ compression }, undefined, undefined, 'deflate')
  for (let n = 0; n < 300; n++) {
    // The heartbeats come at other moments to each.
    if (n % 100 === 50) clock.advance(3_000)
    await manager.publish('price', price(n))
    await calm()
  }
  compress.mockClear()
  for (let n = 0; n < 10; n++) {
    await manager.publish('price', price(n))
    await calm()
  }
  expect(compress).toHaveBeenCalledTimes(10)
})

it.each([0, 10, 1.5, Number.NaN, '6' as never])('refuses the level %s', (level) => {
  expect(() => sharedDeflate({ level })).toThrow('Pass a whole number from 1 to 9.')
})

it('ends a stream that cannot be compressed, and no other', async () => {
  const compression = { ...sharedDeflate() }
  const { manager, connect, calm, errors } = createHarness({ events })
  const plain = await connect()
  const compressed = await connect({ compression }, undefined, undefined, 'deflate')
  vi.spyOn(compression, 'compress').mockImplementation(() => {
    throw new Error('out of memory')
  })
  await manager.publish('price', price(1))
  await calm()
  expect(compressed.sink.closed).toBe(true)
  expect(errors).toMatchObject([{ error: { message: 'out of memory' }, context: { stage: 'write' } }])
  expect(dataOf(plain.messages, 'price')).toMatchObject([{ n: 1 }])
})

it.each([
  ['nothing', () => undefined],
  ['no bytes', () => new Uint8Array(0)],
  ['a text', () => 'text'],
  ['numbers', () => [1, 2, 3]],
  ['a promise', () => Promise.resolve(new Uint8Array(1))],
  ['a promise that rejects', () => Promise.reject(new Error('later'))],
  ['a promise that never settles', () => new Promise(() => {})],
  ['words', () => new Uint16Array(4)],
])('ends a stream whose compression gives %s, and tells why', async (_, compress) => {
  const compression = { compress } as unknown as Compression
  const { manager, connect, calm, errors } = createHarness({ events })
  const plain = await connect()
  const compressed = await connect({ compression }, undefined, undefined, 'deflate')
  await manager.publish('price', price(1))
  await calm()
  expect(compressed.sink.closed).toBe(true)
  expect(errors).toMatchObject([{ error: { name: 'ConfigurationError' }, context: { stage: 'write' } }])
  expect(dataOf(plain.messages, 'price')).toMatchObject([{ n: 1 }])
  expect(manager.stats().bytes).toBeGreaterThan(0)
})

it('takes a copy of what a compression gives, which may use one buffer again and again', async () => {
  const { compress } = sharedDeflate()
  const buffer = new Uint8Array(100_000)
  const compression: Compression = {
    compress: (bytes, dictionary) => {
      const block = compress(bytes, dictionary)
      buffer.set(block)
      return buffer.subarray(0, block.length)
    },
  }
  const manager = new EventManager({ events })
  const asked = new Request('http://localhost/events', { headers: { 'accept-encoding': 'deflate' } })
  const response = await eventStreamResponse(manager, asked, { compression })
  const reader = response.body!.getReader()
  // The header of the format, and rivulet:open.
  const chunks = [(await reader.read()).value!, (await reader.read()).value!]
  // From here on, blocks wait for the reader.
  for (let n = 0; n < 20; n++) {
    await manager.publish('price', price(n))
    await vi.waitFor(() => expect(manager.stats().deliveries).toBe(n + 1))
  }
  await manager.close()
  for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value)
  const text = inflateSync(Buffer.concat(chunks)).toString()
  expect(text.match(/^event: price$/gm)).toHaveLength(20)
})

it('holds no more memory for a slow client than the blocks that wait for it', () => {
  // zlib returns a part of a buffer of 16 KiB.
  const blocks = Array.from({ length: 2_000 }, (_, n) => {
    return blockOf(sharedDeflate(), new Payload(JSON.stringify(price(n)))).payload
  })
  const held = new Set(blocks.flatMap(({ bytes, chunk }) => [bytes.buffer, chunk.buffer]))
  const heldBytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(heldBytes).toBeLessThan(2 * blocks.reduce((sum, { length }) => sum + length, 0))
})

it('compresses the streams of each route as the route says, though they have the same channels', async () => {
  const broken: Compression = {
    compress: () => {
      throw new Error('broken')
    },
  }
  const { manager, connect, calm, errors } = createHarness({ events })
  const one = await connect({ compression: sharedDeflate() }, undefined, undefined, 'deflate')
  const other = await connect({ compression: broken }, undefined, undefined, 'deflate')
  const another = await connect({ compression: sharedDeflate({ level: 1 }) }, undefined, undefined, 'deflate')
  for (let n = 0; n < 3; n++) {
    await manager.publish('price', price(n))
    await calm()
  }
  expect([one, other, another].map(({ sink }) => sink.closed)).toEqual([false, true, false])
  expect(errors).toMatchObject([{ error: { message: 'broken' } }])
})

it('is the same for all requests of a handler that makes its options anew', () => {
  expect(sharedDeflate()).toBe(sharedDeflate({ level: 6 }))
  expect(sharedDeflate({ level: 1 })).not.toBe(sharedDeflate())
})
