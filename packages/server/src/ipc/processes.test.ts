import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it, onTestFinished, vi } from 'vitest'
import { bundled } from '../../../../test-support/bundled.js'
import { endProcess } from '../../../../test-support/end-process.js'
import { FlakyPipe } from '../../test/flaky-pipe.js'
import { IpcScene, Recorder, received } from '../../test/ipc-scene.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'

const scene = new IpcScene()
const program = new URL('../../test/ipc-process.ts', import.meta.url)

async function start(part: string, path: string): Promise<ChildProcess> {
  const child = fork(await bundled(program), [part, path], { execArgv: [] })
  onTestFinished(() => endProcess(child, 'SIGKILL'))
  return child
}

it('serves in one worker of a cluster at most, though they share other addresses', { timeout: 60_000 }, async () => {
  const child = await start('cluster', scene.path)
  const messages: string[] = []
  child.on('message', (message) => void messages.push(String(message)))
  await vi.waitFor(() => expect(messages).toHaveLength(2), 50_000)
  expect(messages).toContain('serves')
  expect(messages.find((message) => message !== 'serves')).toContain('another process serves there')
  child.kill('SIGKILL')
})

it('a closed worker ends, even if the serving process stands still', { timeout: 60_000 }, async () => {
  await scene.serve(new MemoryBackplane())
  const pipe = scene.opened(await FlakyPipe.open(`${scene.path}-pipe`, scene.path))
  const child = await start('close', `${scene.path}-pipe`)
  await once(child, 'message')
  pipe.stand()
  child.send('close')
  expect(await once(child, 'exit')).toEqual([0, null])
})

it('a thread can be a worker, and is forgotten when it is terminated', { timeout: 60_000 }, async () => {
  const backplane = new MemoryBackplane()
  const server = await scene.serve(backplane, { rememberMs: 0 })
  const recorder = new Recorder()
  backplane.subscribe('a', recorder)
  const thread = new Worker(await bundled(program), { workerData: ['stay', scene.path] })
  await received(recorder, 'from a thread')
  expect(server.workers).toBe(1)
  await thread.terminate()
  await vi.waitFor(() => expect(server.workers).toBe(0))
})
