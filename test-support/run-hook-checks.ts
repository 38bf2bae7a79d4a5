import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { HttpStatusError } from '@rivulet/client'
import type { EventOf } from '@rivulet/core'
import { EventManager, type Producing, RunFailure, RunManager } from '@rivulet/server'
import { handleRunStop, handleRunStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { type Events, events } from './fake-log.js'

/** A run that a test produces line by line. */
export interface PlayedRun {
  say(message: string): Promise<void>
  /** With a reason, it fails. */
  end(failure?: string): Promise<void>
  /** Resolves when the producer's signal has aborted. */
  readonly aborted: Promise<void>
}

/** The view of a component that reads a run. */
export interface MountedRun {
  view(): { output: string; state: string; reason: string | undefined; error: unknown; gap: unknown }
  stop(): Promise<void>
  unmount(): void
}

export const options: {
  events: Events
  reduce: (text: string, event: EventOf<Events>) => string
  initial: string
  retry: { initialMs: number; maxMs: number }
} = {
  events,
  reduce: (text, event) => text + (event.type === 'log' ? event.message : ''),
  initial: '',
  retry: { initialMs: 1, maxMs: 10 },
}

/** Mounts a component with `useRun(url, { ...options, ...more })`. */
export type MountRun = (url: string, more?: { body?: string }) => MountedRun

/** Waits until a check of a mounted component passes. */
export type WaitUntil = (check: () => void) => Promise<unknown>

/** The checks of `useRun` on a server behind real sockets. */
export function checkUseRun(mount: MountRun, waitUntil: WaitUntil): void {
  const shows = (run: MountedRun, expected: object) => waitUntil(() => expect(run.view()).toMatchObject(expected))

  it('shows a run from its beginning to its end', async () => {
    const { start, url } = await serve()
    const run = await start('42')
    const page = mount(url('42'))
    await run.say('a')
    await shows(page, { output: 'a', state: 'running' })
    await run.say('b')
    await run.end()
    await shows(page, { output: 'ab', state: 'done', reason: undefined, error: undefined, gap: undefined })
  })

  it('shows all of it after a reload in the middle, and each line once', async () => {
    const { start, url } = await serve()
    const run = await start('42')
    const page = mount(url('42'))
    await run.say('a')
    await shows(page, { output: 'a' })
    page.unmount()
    await run.say('b')
    const again = mount(url('42'))
    await shows(again, { output: 'ab', state: 'running' })
    await run.say('c')
    await run.end()
    await shows(again, { output: 'abc', state: 'done', gap: undefined })
  })

  it('reads on after a break', async () => {
    const { start, url, drop, requests } = await serve()
    const run = await start('42')
    const page = mount(url('42'))
    await run.say('a')
    await shows(page, { output: 'a' })
    drop()
    await run.say('b')
    await run.end()
    await shows(page, { output: 'ab', state: 'done', error: undefined, gap: undefined })
    expect(requests).toEqual(['GET /runs/42', 'GET /runs/42'])
  })

  it('stops it, for everyone', async () => {
    const { start, url } = await serve()
    const run = await start('42')
    const [page, other] = [mount(url('42')), mount(url('42'))]
    await run.say('a')
    for (const one of [page, other]) await shows(one, { output: 'a', state: 'running' })
    await page.stop()
    await run.aborted
    for (const one of [page, other]) await shows(one, { output: 'a', state: 'stopped', reason: 'user' })
  })

  it('says why it failed', async () => {
    const { start, url } = await serve()
    const run = await start('42')
    const page = mount(url('42'))
    await run.say('a')
    await run.end('no quota')
    await shows(page, { output: 'a', state: 'failed', reason: 'no quota', error: undefined })
  })

  it('shows one that is over, also to a page that comes again', async () => {
    const { start, url } = await serve()
    const run = await start('42')
    await run.say('a')
    await run.end()
    for (let visit = 0; visit < 2; visit++) {
      const page = mount(url('42'))
      await shows(page, { output: 'a', state: 'done', gap: undefined })
      page.unmount()
    }
  })

  it('says that there is no such run', async () => {
    const { url, requests } = await serve()
    const page = mount(url('41'))
    await shows(page, { output: '', state: 'failed', reason: undefined })
    expect(page.view().error).toBeInstanceOf(HttpStatusError)
    expect(page.view().error).toMatchObject({ status: 404 })
    expect(requests).toEqual(['GET /runs/41'])
  })

  it('starts one by POST, reads on by GET after a break, and stops it at its address', async () => {
    const { url, drop, requests, runs } = await serve()
    const page = mount(url(''), { body: '43' })
    await waitUntil(() => expect(runs.has('43')).toBe(true))
    const run = runs.get('43')!
    await run.say('a')
    await shows(page, { output: 'a', state: 'running' })
    drop()
    await run.say('b')
    await shows(page, { output: 'ab', state: 'running' })
    await page.stop()
    await shows(page, { output: 'ab', state: 'stopped', reason: 'user' })
    expect(requests).toEqual(['POST /runs/', 'GET /runs/43', 'DELETE /runs/43'])
  })
}

/** Serves runs behind a real socket: `/runs/<id>`, and `POST /runs/` with the id of a new one. */
async function serve() {
  const manager = new EventManager({ events, heartbeat: false, onError() {} })
  const manages = new RunManager({ manager })
  const runs = new Map<string, PlayedRun>()
  const requests: string[] = []

  async function start(id: string): Promise<PlayedRun> {
    let begin!: (run: PlayedRun) => void
    const begun = new Promise<PlayedRun>((resolve) => {
      begin = resolve
    })
    await manages.start(id, {}, (producing) => play(producing, begin))
    runs.set(id, await begun)
    return begun
  }

  function answer(request: IncomingMessage, response: ServerResponse): unknown {
    requests.push(`${request.method} ${request.url}`)
    const route = { id: () => request.url!.slice('/runs/'.length), authorize: () => true }
    if (request.method === 'DELETE') return handleRunStop(manages, request, response, { ...route, reason: 'user' })
    if (request.method === 'GET') return handleRunStream(manages, request, response, route)
    return handleRunStream(manages, request, response, {
      start: async () => {
        const id = await text(request)
        await start(id)
        return { id }
      },
      location: (_, { id }) => `/runs/${id}`,
      authorize: () => true,
    })
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manages.close()
    await manager.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    start,
    runs,
    requests,
    url: (id: string) => `http://127.0.0.1:${port}/runs/${id}`,
    drop: () => server.closeAllConnections(),
  }
}

function play({ publish, signal }: Producing<Events>, begin: (run: PlayedRun) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    begin({
      say: (message) => publish('log', { message }),
      async end(failure) {
        if (failure === undefined) resolve()
        else reject(new RunFailure(failure))
      },
      aborted: new Promise((aborted) => signal.addEventListener('abort', () => aborted(), { once: true })),
    })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
