import { lossNotice, runChannel } from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { copyDatabase, watchFlushes } from '../test/flushed-disk.js'
import { Scene } from '../test/scene.js'

const end = (state: 'done' | 'failed') => ({
  state,
  reason: undefined,
  message: { type: 'rivulet:end', data: `{"state":"${state}"}` },
})
const creation = { token: 't', key: 'k', leaseMs: 1_000, keepMs: 60_000, maxBytes: 1_000, maxRunning: 1 }

describe.each(['restart', 'crash'] as const)('after a %s', (how) => {
  function again(scene: Scene): void {
    if (how === 'restart') scene.restart()
    else {
      scene.crash()
      scene.start()
    }
  }

  it('has every acknowledged event, and goes on after the last one', async () => {
    const scene = new Scene()
    const { storedPosition } = scene.backplane.read('a', 0, 0)
    const positions = await scene.publish('a', ['1', '2'])
    await scene.publish('b', ['else'])
    again(scene)
    expect(scene.read('a', storedPosition)).toEqual({ data: ['1', '2'], continuous: true })
    expect(scene.read('a', positions[0]!)).toEqual({ data: ['2'], continuous: true })
    expect(scene.read('quiet', storedPosition)).toEqual({ data: [], continuous: true })
    await scene.publish('a', ['3'])
    const { messages } = scene.backplane.read('a', 0, 10)
    expect(messages.map(({ previous }) => previous).slice(1)).toEqual(
      messages.map(({ position }) => position).slice(0, -1),
    )
  })

  it('gives positions beyond all that a client may have, also if the clock was set back', async () => {
    const scene = new Scene()
    await scene.publish('a', ['1'])
    // A client that joins gets this position without any event.
    for (const seconds of [1, 15, 100]) {
      scene.clock.advance(seconds * 1_000)
      const { clock } = scene.backplane.read('a', 0, 0)
      scene.clock.sleep(-3_600_000)
      again(scene)
      const [next] = await scene.publish('a', ['2'])
      expect(next).toBeGreaterThan(clock)
      expect(scene.read('a', clock)).toEqual({ data: ['2'], continuous: true })
    }
  })

  it('lets time go on where the clock was set back, so that leases end', async () => {
    const scene = new Scene()
    await scene.turn(scene.backplane.runs.create('r', creation))
    scene.clock.sleep(-3_600_000)
    again(scene)
    expect(scene.backplane.runs.get('r')).toMatchObject({ state: 'running' })
    scene.clock.advance(creation.leaseMs + 10_000)
    expect(scene.backplane.runs.get('r')).toMatchObject({ state: 'running', lapsed: true })
    expect(scene.backplane.runs.lapsed(10)).toMatchObject({ ids: ['r'] })
  })

  it('does not run ahead of the clock, however often', async () => {
    const scene = new Scene()
    for (let times = 0; times < 20; times++) {
      again(scene)
      scene.backplane.read('a', 0, 0)
      await scene.publish('a', ['x'])
    }
    expect(scene.backplane.read('a', 0, 0).storedPosition).toBeLessThan((scene.clock.now() + 11_000) * 1024)
  })

  it('knows idempotency keys, for their time', async () => {
    const scene = new Scene()
    const first = await scene.publishOnce('a', '1', 'k')
    again(scene)
    expect(await scene.publishOnce('a', '2', 'k')).toEqual({ position: first.position, duplicate: true })
    scene.clock.advance(320_000)
    expect(await scene.publishOnce('a', '3', 'k')).toMatchObject({ duplicate: false })
    expect(scene.read('a', 0).data).toEqual(['1', '3'])
  })

  it('knows runs, with their events and their leases', async () => {
    const scene = new Scene()
    const { runs } = scene.backplane
    const { run } = await scene.turn(runs.create('r', creation))
    await scene.turn(runs.append('r', 't', 0, [{ type: 'token', data: '1' }]))
    again(scene)
    expect(await scene.turn(scene.backplane.runs.create('s', creation))).toEqual({ run: undefined, created: false })
    const more = [
      { type: 'token', data: '1' },
      { type: 'token', data: '2' },
    ]
    expect(await scene.turn(scene.backplane.runs.append('r', 't', 0, more))).toBe(true)
    again(scene)
    expect(await scene.turn(scene.backplane.runs.finish('r', { token: 't' }, end('done')))).toBe(true)
    again(scene)
    expect(scene.backplane.runs.list('k', 10)).toMatchObject([{ id: 'r', state: 'done', beginning: run!.beginning }])
    expect(scene.read(runChannel('r'), run!.beginning)).toEqual({
      data: ['1', '2', '{"state":"done"}'],
      continuous: true,
    })
  })
})

describe('after a power failure', () => {
  async function fail(options: { synchronous?: 'full'; closed?: boolean; boot?: string } = {}) {
    const { synchronous = 'normal', closed = false, boot = 'another' } = options
    const scene = new Scene({ synchronous })
    const [position] = await scene.publish('a', ['1', '2'])
    const { run } = await scene.turn(scene.backplane.runs.create('running', { ...creation, leaseMs: 1e6 }))
    await scene.turn(scene.backplane.runs.create('done', { ...creation, key: undefined }))
    await scene.turn(scene.backplane.runs.finish('done', 'anyone', end('done')))
    if (closed) scene.stop()
    else scene.crash()
    if (boot !== 'same') scene.change(`UPDATE rivulet_state SET boot = '${boot}'`)
    scene.start()
    return { scene, position: position!, run: run! }
  }

  it('tells every client of a gap, since the last events may be lost', async () => {
    const { scene, position, run } = await fail()
    expect(scene.read('a', position)).toEqual({ data: ['2'], continuous: false, reason: 'restarted' })
    expect(scene.read('quiet', position)).toEqual({ data: [], continuous: false, reason: 'restarted' })
    await scene.turn(undefined)
    const lost = { data: [lossNotice.data], continuous: true }
    expect(scene.read(runChannel('running'), run.beginning)).toEqual(lost)
    scene.restart()
    await scene.turn(undefined)
    expect(scene.read(runChannel('running'), run.beginning)).toEqual(lost)
    const { storedPosition } = scene.backplane.read('a', 0, 0)
    await scene.publish('a', ['3'])
    expect(scene.read('a', storedPosition)).toEqual({ data: ['3'], continuous: true })
  })

  it('gives positions beyond all that clients may have, if the clock went back with the power', async () => {
    const flushed = (file: string) => `${file}.flushed`
    const scene = new Scene({}, (database, file) => watchFlushes(database, () => copyDatabase(file, flushed(file))))
    let known = 0
    for (let second = 0; second < 35; second++) {
      scene.clock.advance(1_000)
      const [position] = await scene.publish('a', [String(second)])
      known = Math.max(position!, scene.backplane.read('quiet', 0, 0).clock)
    }
    scene.file = flushed(scene.file)
    scene.change("UPDATE rivulet_state SET boot = 'another'")
    scene.clock.sleep(-3_600_000)
    scene.start()
    const [next] = await scene.publish('a', ['next'])
    expect(next).toBeGreaterThan(known)
    for (const channel of ['a', 'quiet']) {
      expect(scene.read(channel, known)).toMatchObject({ continuous: false, reason: 'restarted' })
    }
  })

  it('keeps its promise for a run that had ended', async () => {
    const { scene } = await fail()
    const { beginning } = (await scene.backplane.runs.get('done'))!
    expect(scene.read(runChannel('done'), beginning)).toEqual({ data: ['{"state":"done"}'], continuous: true })
  })

  it('tells of no gap where each commit waited for the disk', async () => {
    const { scene, position } = await fail({ synchronous: 'full' })
    expect(scene.read('a', position)).toEqual({ data: ['2'], continuous: true })
  })

  it('tells of no gap where the backplane had been closed', async () => {
    const { scene, position } = await fail({ closed: true })
    expect(scene.read('a', position)).toEqual({ data: ['2'], continuous: true })
  })

  it('takes a process that was killed for no power failure', async () => {
    const { scene, position } = await fail({ boot: 'same' })
    expect(scene.read('a', position)).toEqual({ data: ['2'], continuous: true })
  })
})
