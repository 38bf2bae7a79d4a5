import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import type { EventStreamService } from '@rivulet/client'
import { type ContractOf, defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { build } from 'esbuild'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { codeBlocks } from '../../../checks/code-blocks.js'
import { contract } from '../../../checks/docs-sample.js'
import { root } from '../../../test-support/root.js'
import type { AppState } from './app-state.js'
import { nativeHttp } from './native-http.js'

// The samples of the guide, built as an app and run with React Native's globals alone.

const events = defineEvents({ log: z.object({ level: z.enum(['info', 'error']), message: z.string() }) })
type Events = ContractOf<{ log: (typeof events)['log']['schema'] }>

interface App {
  readonly AppState: typeof AppState
  readonly stream: EventStreamService<Events>
  streamOf(user: { id: string }): EventStreamService<Events>
}

const own = (file: string) => fileURLToPath(new URL(file, import.meta.url))
let bundle: string

beforeAll(async () => {
  const folder = own('../../dist/react-native')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'events.ts'), contract)
  for (const { text } of codeBlocks(await readFile(join(root, 'docs/guide/react-native.md'), 'utf8'))) {
    const name = /^\/\/ ([\w-]+\.ts)\n/.exec(text)?.[1]
    if (name) await writeFile(join(folder, name), text)
  }
  const entry = `
    import ${JSON.stringify(own('globals.ts'))}
    import { AppState } from 'react-native'
    import { streamOf } from './persistent-stream.js'
    import { stream } from './stream.js'
    globalThis.app = { AppState, stream, streamOf }
  `
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: folder, loader: 'ts' },
    alias: {
      'react-native': own('app-state.ts'),
      'expo/fetch': own('expo-fetch.ts'),
      'expo-sqlite/kv-store': own('kv-store.ts'),
    },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    logLevel: 'error',
  })
  bundle = outputFiles[0]!.text
})

/** A decoder like that of Hermes and Expo: UTF-8 only. */
class Utf8Decoder extends TextDecoder {
  constructor(label = 'utf-8', options?: TextDecoderOptions) {
    if (label !== 'utf-8') throw new RangeError(`Unknown encoding: ${label}`)
    super(label, options)
  }
}

async function startServer() {
  const manager = new EventManager({ events, retryMs: 250 })
  const server = createServer((request, response) => void handleEventStream(manager, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.closeAllConnections()
    server.close()
  })
  const publish = async (...messages: unknown[]) => {
    for (const message of messages) await manager.publish('log', { level: 'info', message: String(message) })
  }
  const drop = () => server.closeAllConnections()
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, manager, publish, drop }
}

/** Starts the app, as if on a device. */
function launch(server: string, disk = new Map<string, string>()) {
  const { nativeFetch, requests } = nativeHttp(server)
  const { setTimeout, clearTimeout, queueMicrotask, URL, URLSearchParams, TextEncoder } = globalThis
  const context = createContext({
    ...{ nativeFetch, disk, console, setTimeout, clearTimeout, queueMicrotask },
    ...{ URL, URLSearchParams, TextEncoder, TextDecoder: Utf8Decoder },
  })
  runInContext(bundle, context)
  const app: App = context.app
  onTestFinished(() => app.stream.close())
  return { app, requests, context }
}

function record(stream: EventStreamService<Events>) {
  const received: string[] = []
  const replayed: string[] = []
  const gaps: unknown[] = []
  stream.on('log', (event) => {
    received.push(event.message)
    if (event.replayed) replayed.push(event.message)
  })
  stream.onGap((gap) => gaps.push(gap))
  return { received, replayed, gaps }
}

const open = (stream: EventStreamService<Events>) => vi.waitFor(() => expect(stream.status).toBe('open'), 10_000)
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index))

describe('an app for React Native', () => {
  it('has no DOM', async () => {
    const { context } = launch((await startServer()).url)
    const missing = ['window', 'document', 'location', 'addEventListener', 'EventSource', 'BroadcastChannel']
    for (const name of [...missing, 'sessionStorage', 'crypto', 'structuredClone', 'DOMException']) {
      expect(runInContext(`typeof ${name}`, context), name).toBe('undefined')
    }
    expect(runInContext('navigator.locks', context)).toBe(undefined)
    const aborted = 'const controller = new AbortController(); controller.abort(1); String(controller.signal.reason)'
    expect(runInContext(aborted, context)).toBe('undefined')
  })

  it('gets every event once and in order, through connections that break', async () => {
    const { url, publish, drop } = await startServer()
    const { app } = launch(url)
    const { received, gaps } = record(app.stream)
    for (const part of [1, 11, 21]) {
      await open(app.stream)
      await publish(...numbers(part, part + 4))
      drop()
      await publish(...numbers(part + 5, part + 9))
      await vi.waitFor(() => expect(received).toEqual(numbers(1, part + 9)), 10_000)
    }
    expect(gaps).toEqual([])
  })

  it('reads characters that arrive in pieces', async () => {
    const { url, publish } = await startServer()
    const { app } = launch(url)
    const { received } = record(app.stream)
    await open(app.stream)
    await publish('žluťoučký kůň 🚴🏽 日本語')
    await vi.waitFor(() => expect(received).toEqual(['žluťoučký kůň 🚴🏽 日本語']), 10_000)
  })

  it('lets go of its connection in the background, and continues in the foreground with what it missed', async () => {
    const { url, manager, publish } = await startServer()
    const { app, requests } = launch(url)
    const { received, replayed, gaps } = record(app.stream)
    await open(app.stream)
    await publish(1)
    await vi.waitFor(() => expect(received).toEqual(['1']), 10_000)

    app.AppState.change('inactive')
    expect(app.stream.status).toBe('open')
    app.AppState.change('background')
    await vi.waitFor(() => expect(manager.connections.size).toBe(0), 10_000)
    await publish(2, 3)
    expect(requests).toHaveLength(1)

    app.AppState.change('active')
    await vi.waitFor(() => expect(received).toEqual(['1', '2', '3']), 10_000)
    await publish(4)
    await vi.waitFor(() => expect(received).toEqual(['1', '2', '3', '4']), 10_000)
    expect(replayed).toEqual(['2', '3'])
    expect(gaps).toEqual([])
    expect(app.stream.state.recovered).toBe(true)
    expect(requests).toHaveLength(2)
  })

  it('replaces a connection that may be dead, though its body never tells of its end', async () => {
    const { url, manager, publish } = await startServer()
    const { app } = launch(url)
    const { received, gaps } = record(app.stream)
    await open(app.stream)
    await publish(1)
    await vi.waitFor(() => expect(received).toEqual(['1']), 10_000)
    const [before] = manager.connections.keys()
    app.stream.reconnect()
    await vi.waitFor(
      () => expect([...manager.connections.keys()]).toEqual([expect.not.stringMatching(before!)]),
      10_000,
    )
    await publish(2)
    await vi.waitFor(() => expect(received).toEqual(['1', '2']), 10_000)
    expect(gaps).toEqual([])
  })

  it('continues after a restart where it ended, with a synchronous storage', async () => {
    const { url, publish } = await startServer()
    const disk = new Map<string, string>()
    const before = launch(url, disk).app.streamOf({ id: 'ada' })
    const { received } = record(before)
    before.connect()
    await open(before)
    await publish(1)
    await vi.waitFor(() => expect(received).toEqual(['1']), 10_000)
    before.close()
    await publish(2)

    const after = launch(url, disk).app.streamOf({ id: 'ada' })
    onTestFinished(() => after.close())
    const restarted = record(after)
    after.connect()
    await vi.waitFor(() => expect(restarted.received).toEqual(['2']), 10_000)
    expect(restarted.gaps).toEqual([])
  })
})

it('a signal of a connection that was closed does not close a later one', async () => {
  const { context } = launch((await startServer()).url)
  const status = runInContext(
    `{
      const { stream } = app
      stream.close()
      const controller = new AbortController()
      stream.connect({ signal: controller.signal })
      stream.close()
      stream.connect()
      controller.abort()
      stream.status
    }`,
    context,
  )
  expect(status).toBe('connecting')
})
