import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished, vi } from 'vitest'
import { streamPath } from '../shared/events.js'
import { line, openStream, type Received, serve } from './testing.js'

type Stream = Awaited<ReturnType<typeof openStream>>

const folder = fileURLToPath(new URL('..', import.meta.url))

function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'monitor-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function run(env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@rivulet/source', '--import', 'tsx', 'server/main.ts'], {
    cwd: folder,
    env: { ...process.env, DATA_DIR: temporaryFolder(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function output(stream: Readable, until?: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (until?.test(text)) break
  }
  return text
}

it('prints its address, and ends its streams and itself on SIGTERM', { timeout: 60_000 }, async () => {
  const child = run({ PORT: '0' })
  const [, origin] = /^Monitor: (http:\/\/localhost:\d+)$/m.exec(await output(child.stdout!, /Monitor: .*\n/))!
  const client = await openStream(origin + streamPath)
  await client.until(({ type }) => type === 'rivulet:open')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await client.until(({ type }) => type === 'rivulet:close')
  expect(await exited).toEqual([0, null])
})

it('says in one line what to do if the port is taken', { timeout: 60_000 }, async () => {
  const { port } = new URL(await serve(() => {}))
  const child = run({ PORT: port })
  const exited = once(child, 'exit')
  const errors = await output(child.stderr!)
  expect(errors).toBe(
    `Port ${port} is taken. Stop what listens there, or choose another: PORT=${+port + 1} npm start\n`,
  )
  expect(await exited).toEqual([1, null])
})

it('says in one line what is wrong with the environment', { timeout: 60_000 }, async () => {
  const child = run({ PORT: 'http' })
  const exited = once(child, 'exit')
  expect(await output(child.stderr!)).toBe('PORT is "http". Use a whole number from 0 to 65535.\n')
  expect(await exited).toEqual([1, null])
})

it('keeps its history across kill -9', { timeout: 90_000 }, async () => {
  const env = { PORT: '0', DATA_DIR: temporaryFolder() }
  async function start() {
    const child = run(env)
    const [, origin] = /^Monitor: (http:\/\/localhost:\d+)$/m.exec(await output(child.stdout!, /Monitor: .*\n/))!
    return { child, stream: origin + streamPath }
  }
  const first = await start()
  const client = await openStream(first.stream)
  const { id } = (await client.until(line('requested'))).at(-1)!
  const killed = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  await killed
  client.close()
  const second = await start()
  const again = await openStream(second.stream, { 'last-event-id': id })
  const seen = await again.until(line('Listening on'))
  expect(seen[0]).toMatchObject({ type: 'rivulet:open', data: { recovered: true } })
  expect(seen.filter(({ type }) => type === 'rivulet:gap')).toEqual([])
})

it('says in one line which process already uses the history', { timeout: 90_000 }, async () => {
  const env = { PORT: '0', DATA_DIR: temporaryFolder() }
  const first = run(env)
  await output(first.stdout!, /Monitor: .*\n/)
  const second = run(env)
  const exited = once(second, 'exit')
  const errors = await output(second.stderr!)
  expect(errors).toContain(`The history in ${env.DATA_DIR} cannot be used. DATA_DIR chooses another folder.`)
  expect(errors).toContain(`process ${first.pid} `)
  expect(await exited).toEqual([1, null])
})

it('serves with several workers, and goes on when one is killed', { timeout: 240_000 }, async () => {
  const child = run({ PORT: '0', WORKERS: '2' })
  const lines: string[] = []
  createInterface(child.stdout!).on('line', (text) => void lines.push(text))
  const origin = await vi.waitFor(
    () => /^Monitor: (.*)$/.exec(lines.find((text) => text.startsWith('Monitor'))!)![1],
    60_000,
  )
  /** The process that has logged a request for this address. */
  const workerOf = (url: string) =>
    vi.waitFor(() => (JSON.parse(lines.find((text) => text.includes(`"${url}"`))!) as { pid: number }).pid, 20_000)

  // Connections take turns between the workers that listen.
  const streams = new Map<number, Stream>()
  for (let number = 1; streams.size < 2; number++) {
    const url = `${streamPath}?number=${number}`
    const stream = await openStream(origin + url)
    const pid = await workerOf(url)
    if (streams.has(pid)) stream.close()
    else streams.set(pid, stream)
  }
  const [[, one], [doomed, other]] = [...streams] as [[number, Stream], [number, Stream]]

  // Whichever worker answers it, both streams get the line.
  await fetch(`${origin}/api/proxies?first`)
  await one.until(line('/api/proxies?first'))
  const { id } = (await other.until(line('/api/proxies?first'))).at(-1)!

  process.kill(doomed, 'SIGKILL')
  await expect(other.until(() => false)).rejects.toThrow()
  const again = await openStream(origin + streamPath, { 'last-event-id': id })
  const started = ({ type, data }: Received) => type === 'system' && data.event === 'server_start'
  const seen = await again.until(started)
  expect(seen[0]).toMatchObject({ type: 'rivulet:open', data: { recovered: true } })
  expect(seen.filter(({ type }) => type === 'rivulet:gap')).toEqual([])

  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  for (const stream of [one, again]) await stream.until(({ type }) => type === 'rivulet:close')
  expect(await exited).toEqual([0, null])
  // A worker would be there still if it had been left behind.
  for (const pid of streams.keys()) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

it('says what to do about a port that is taken, with several workers', { timeout: 120_000 }, async () => {
  const { port } = new URL(await serve(() => {}))
  const child = run({ PORT: port, WORKERS: '2' })
  const exited = once(child, 'exit')
  expect(await output(child.stderr!)).toContain(`Port ${port} is taken.`)
  expect(await exited).toEqual([1, null])
})
