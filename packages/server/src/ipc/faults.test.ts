import { createConnection, Server } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { FlakyPipe } from '../../test/flaky-pipe.js'
import { bound, event, IpcScene, kept, liveOnly, Recorder, received } from '../../test/ipc-scene.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { connectBackplane } from './connect-backplane.js'
import { IpcProtocolError, IpcUnavailableError } from './errors.js'
import { encodeFrames, greeting } from './wire.js'

const scene = new IpcScene()
const openPipe = async () => scene.opened(await FlakyPipe.open(`${scene.path}-pipe`, scene.path))
const connectByPipe = (timeoutMs?: number) =>
  scene.connect({ path: `${scene.path}-pipe`, ...(timeoutMs && { timeoutMs }) })
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a publish whose answer is lost', () => {
  it('is repeated if it has an idempotency key, and stored once', async () => {
    const backplane = new MemoryBackplane()
    let pipe: FlakyPipe | undefined
    const publish = vi.fn<MemoryBackplane['publish']>((...args) => {
      const result = backplane.publish(...args)
      pipe?.cut()
      pipe = undefined
      return result
    })
    await scene.serve({ ...bound(backplane), publish })
    const cut = await openPipe()
    const worker = await connectByPipe()
    const recorder = new Recorder()
    await worker.subscribe('a', recorder)
    pipe = cut
    const { position, duplicate } = await worker.publish('a', event('1'), { retain: true, idempotencyKey: 'one' })
    expect(publish).toHaveBeenCalledTimes(2)
    expect(duplicate).toBe(true)
    await received(recorder, '1')
    expect(recorder.items[0]!.position).toBe(position)
  })

  it('rejects without one, and the event comes all the same', async () => {
    const backplane = new MemoryBackplane()
    let pipe: FlakyPipe | undefined
    const publish: MemoryBackplane['publish'] = (...args) => {
      const result = backplane.publish(...args)
      pipe?.cut()
      return result
    }
    await scene.serve({ ...bound(backplane), publish })
    pipe = await openPipe()
    const worker = await connectByPipe()
    const recorder = new Recorder()
    await worker.subscribe('a', recorder)
    await expect(worker.publish('a', event('1'), kept)).rejects.toThrow(IpcUnavailableError)
    await received(recorder, '1')
  })
})

it('delivers any number of events of one turn', async () => {
  const count = 20_000
  const backplane = new MemoryBackplane({ retention: 'none' })
  await scene.serve(backplane, { maxBacklogBytes: Infinity })
  const worker = await scene.connect()
  const recorder = new Recorder()
  await worker.subscribe('a', recorder)
  for (let number = 0; number < count; number++) backplane.publish('a', event(String(number)), liveOnly)
  await vi.waitFor(() => expect(recorder.items.length).toBe(count), 15_000)
  expect(recorder.health).toEqual([])
  expect(recorder.data.includes(undefined)).toBe(false)
})

it('refuses a call or an answer that cannot cross, and carries on with the others', async () => {
  const backplane = new MemoryBackplane()
  const read = (channel: string, after: number, limit: number) =>
    channel === 'bad' ? ({ messages: [() => {}] } as never) : backplane.read(channel, after, limit)
  await scene.serve({ ...bound(backplane), read })
  const worker = await scene.connect()
  const recorder = new Recorder()
  await worker.subscribe('a', recorder)
  const bad = { type: 'log', data: () => {} } as never
  const calls = [worker.publish('a', bad, kept), worker.read('bad', 0, 1), worker.publish('a', event('1'), kept)]
  expect(await Promise.allSettled(calls)).toEqual([
    {
      status: 'rejected',
      reason: expect.objectContaining({ message: expect.stringContaining('could not be cloned') }),
    },
    {
      status: 'rejected',
      reason: expect.objectContaining({ message: expect.stringContaining('could not be cloned') }),
    },
    { status: 'fulfilled', value: expect.objectContaining({ duplicate: false }) },
  ])
  await received(recorder, '1')
  expect(recorder.health).toEqual([])
})

it('cuts off a process that announces more than it may send', async () => {
  const onError = vi.fn()
  await scene.serve(new MemoryBackplane(), { onError })
  const socket = createConnection(scene.path).on('error', () => {})
  socket.resume().write(`${greeting}\n\xff\xff\xff\xff`, 'latin1')
  await new Promise((resolve) => socket.once('close', resolve))
  await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce())
})

it('answers any call, however malformed', async () => {
  const onError = vi.fn()
  await scene.serve(new MemoryBackplane(), { onError })
  const calls = [
    [],
    ['call'],
    ['call', 1, 2, 3],
    ['call', 1, 'attach'],
    ['call', 1, 'attach', []],
    ['call', 1, '__proto__', []],
    ['call', 1, 'constructor', []],
    ['call', 1, 'runs.constructor', []],
    ['call', 1, 'toString.call', []],
    ['call', 1, 'goLive', [0]],
    ['call', 1, 'readAll', [7]],
    ['call', 1, 'close', []],
    null,
    7,
    {},
  ]
  for (const call of calls) {
    const socket = createConnection(scene.path).on('error', () => {})
    const bytes: Buffer[] = []
    socket.on('data', (chunk) => void bytes.push(chunk))
    socket.write(`${greeting}\n`)
    socket.end(encodeFrames([call], () => {})[0]!)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  expect(await (await scene.connect()).publish('a', event('1'), kept)).toMatchObject({ duplicate: false })
})

it('bounds what waits for a serving process that stands still', { timeout: 60_000 }, async () => {
  await scene.serve(new MemoryBackplane())
  const pipe = await openPipe()
  const worker = await connectByPipe(60_000)
  const recorder = new Recorder()
  await worker.subscribe('b', recorder)
  pipe.stand()
  const large = 'x'.repeat(1_000_000)
  const results: Promise<unknown>[] = []
  let refused: unknown
  for (let number = 0; number < 200 && !refused; number++) {
    const done = Promise.resolve(worker.publish('a', event(`${number} ${large}`), kept))
    results.push(done)
    done.catch((error: unknown) => {
      refused ??= error
    })
    await turn()
  }
  expect(refused).toMatchObject({ code: 'RIVULET_IPC_UNAVAILABLE', message: expect.stringContaining('unread') })
  pipe.flow()
  // All that was taken is carried out, and the connection was never cut.
  const stored = (await Promise.allSettled(results)).filter(({ status }) => status === 'fulfilled').length
  expect(stored).toBe(results.length - 1)
  expect(recorder.health).toEqual([])
})

describe('errors', () => {
  it('tell why nobody answers', async () => {
    await expect(connectBackplane({ path: scene.path, timeoutMs: 100 })).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    })
  })

  it('tell of another version after a break, to subscribers and to callers', async () => {
    const server = await scene.serve(new MemoryBackplane())
    const worker = await scene.connect({ timeoutMs: 300 })
    const recorder = new Recorder()
    await worker.subscribe('a', recorder)
    await server.close()
    const other = scene.opened(
      new Server(
        (socket) =>
          void socket
            .on('error', () => {})
            .resume()
            .write('rivulet-ipc 2\n'),
      ),
    )
    await new Promise<void>((resolve) => other.listen(scene.path, resolve))
    await vi.waitFor(() => expect(recorder.health.at(-1)).toBeInstanceOf(IpcProtocolError))
    await expect(worker.publish('a', event('1'), kept)).rejects.toMatchObject({
      code: 'RIVULET_IPC_UNAVAILABLE',
      cause: expect.any(IpcProtocolError),
    })
    // Told once, not at each attempt.
    expect(recorder.health).toHaveLength(2)
    await new Promise((resolve) => other.close(resolve))
    await scene.serve(new MemoryBackplane())
    await vi.waitFor(() => expect(recorder.health.at(-1)).toBeUndefined())
  })

  it('of accepting connections go to onError', async () => {
    const onError = vi.fn()
    await scene.serve(new MemoryBackplane(), { onError })
    const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles()
    const servers = handles.filter((handle): handle is Server => handle instanceof Server && onPipe(handle))
    const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' })
    for (const server of servers) server.emit('error', error)
    expect(onError).toHaveBeenCalledWith(error)
    expect(servers).toHaveLength(1)
  })
})

const onPipe = (server: Server) => typeof server.address() === 'string'

it('takes longer and longer between attempts, if the connection comes and the logs do not', async () => {
  const delays: number[] = []
  const backplane = new MemoryBackplane()
  let broken = false
  const read = (channel: string, after: number, limit: number) => {
    if (broken && limit > 0) throw new Error('The disk is broken.')
    return backplane.read(channel, after, limit)
  }
  const server = await scene.serve({ ...bound(backplane), read })
  const worker = await scene.connect()
  const recorder = new Recorder()
  await worker.subscribe('a', recorder)
  await server.close()
  broken = true
  await scene.serve({ ...bound(backplane), read })
  const spy = vi.spyOn(globalThis, 'setTimeout')
  await vi.waitFor(() => {
    delays.push(...spy.mock.calls.splice(0).map(([, delay]) => Number(delay)))
    expect(delays).toContain(200)
  }, 10_000)
  spy.mockRestore()
  broken = false
  await worker.publish('a', event('1'), { retain: true, idempotencyKey: '1' })
  await vi.waitFor(() => expect(recorder.data).toContain('1'), 10_000)
})

it('remembers a worker for the whole time after each of its breaks', async () => {
  const backplane = new MemoryBackplane()
  const unsubscribe = vi.spyOn(backplane, 'unsubscribe')
  await scene.serve(backplane, { rememberMs: 60_000 })
  const pipe = await openPipe()
  const remembering = vi.spyOn(globalThis, 'setTimeout')
  const forgotten = vi.spyOn(globalThis, 'clearTimeout')
  const worker = await connectByPipe()
  const recorder = new Recorder()
  await worker.subscribe('a', recorder)
  for (let count = 1; count <= 3; count++) {
    pipe.cut()
    await vi.waitFor(() => expect(recorder.health).toHaveLength(2 * count))
  }
  const timers = remembering.mock.results.filter((_, index) => remembering.mock.calls[index]![1] === 60_000)
  expect(timers).toHaveLength(3)
  for (const { value } of timers) expect(forgotten).toHaveBeenCalledWith(value)
  remembering.mockRestore()
  forgotten.mockRestore()
  expect(unsubscribe).not.toHaveBeenCalled()
})

it('reads large events in parts when it catches up', async () => {
  const backplane = new MemoryBackplane({ retention: { maxEvents: 10_000, maxBytes: 1e9 } })
  const limits: number[] = []
  const read = (channel: string, after: number, limit: number) => {
    limits.push(limit)
    return backplane.read(channel, after, limit)
  }
  await scene.serve({ ...bound(backplane), read })
  const pipe = await openPipe()
  const worker = await connectByPipe()
  const recorder = new Recorder()
  await worker.subscribe('a', recorder)
  pipe.cut()
  for (let count = 0; count < 3_000; count++) backplane.publish('a', event('small'), kept)
  for (let count = 0; count < 2_500; count++) backplane.publish('a', event('x'.repeat(20_000)), kept)
  await vi.waitFor(() => expect(recorder.items).toHaveLength(5_500), 20_000)
  const most = limits.indexOf(2_048)
  expect(limits.slice(0, most).filter((limit) => limit > 0)).toEqual([256, 512, 1_024])
  // A million characters at a time, as soon as they are known to be large.
  expect(limits.slice(most + 2, most + 12).every((limit) => limit <= 64)).toBe(true)
}, 30_000)

it('forgets a worker at once that is closed before it has caught up', async () => {
  const backplane = new MemoryBackplane()
  let whenRead = () => {}
  const read = async (channel: string, after: number, limit: number) => {
    whenRead()
    return backplane.read(channel, after, limit)
  }
  const unsubscribe = vi.fn()
  const server = await scene.serve({ ...bound(backplane), read, unsubscribe })
  const pipe = await openPipe()
  const worker = await connectByPipe()
  await worker.subscribe('a', new Recorder())
  let reads = 0
  const closed = new Promise<void>((resolve) => {
    // The first one is for the answer to the greeting, the second one for catching up.
    whenRead = () => {
      if (++reads !== 2) return
      void worker.close()
      resolve()
    }
  })
  pipe.cut()
  await closed
  await vi.waitFor(() => expect(unsubscribe).toHaveBeenCalledWith('a', expect.anything()))
  expect(server.workers).toBe(0)
})
