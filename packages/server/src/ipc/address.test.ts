import { chmod, link, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { event, IpcScene, kept } from '../../test/ipc-scene.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { checkPath } from './address.js'
import { connectBackplane } from './connect-backplane.js'
import { serveBackplane } from './serve-backplane.js'

/** Called before a process takes the lock to remove a dead socket. */
const { hook } = vi.hoisted(() => ({ hook: { beforeLock: async (): Promise<void> => {} } }))
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>()
  const link: typeof original.link = async (from, to) => {
    if (String(to).endsWith('.lock')) await hook.beforeLock()
    return original.link(from, to)
  }
  return { ...original, link }
})

const scene = new IpcScene()
const refused = { code: 'RIVULET_IPC_ADDRESS' }
const invalid = { code: 'RIVULET_CONFIGURATION' }

/** Leaves a socket file behind, like a process that was killed. */
async function leaveSocket(): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${scene.path}~`, resolve))
  await link(`${scene.path}~`, scene.path)
  await new Promise((resolve) => server.close(resolve))
}

describe('the address', () => {
  it('is open to the user of the process alone, and nothing lies beside it', async () => {
    const server = await scene.serve(new MemoryBackplane())
    expect((await stat(scene.path)).mode & 0o777).toBe(0o600)
    expect(await readdir(scene.folder)).toEqual(['backplane'])
    await server.close()
    expect(await readdir(scene.folder)).toEqual([])
  })

  it('is refused while another process serves there, which hears nothing of it', async () => {
    const onError = vi.fn()
    const backplane = new MemoryBackplane()
    await scene.serve(backplane, { onError })
    await expect(scene.serve(backplane)).rejects.toMatchObject({
      ...refused,
      path: scene.path,
      message: expect.stringContaining('another process serves there'),
    })
    const worker = await scene.connect()
    expect(await worker.publish('a', event('1'), kept)).toMatchObject({ duplicate: false })
    expect(onError).not.toHaveBeenCalled()
  })

  it('is refused where no socket can be', async () => {
    scene.path = join(scene.folder, 'missing/backplane')
    await expect(scene.serve(new MemoryBackplane())).rejects.toMatchObject(refused)
    scene.path = join(scene.folder, 'file')
    await writeFile(scene.path, 'precious')
    await expect(scene.serve(new MemoryBackplane())).rejects.toMatchObject(refused)
    expect((await stat(scene.path)).size).toBe(8)
    expect(await readdir(scene.folder)).toEqual(['file'])
  })

  it('is taken over from a process that is dead', async () => {
    await leaveSocket()
    await scene.serve(new MemoryBackplane())
    const worker = await scene.connect()
    expect(await worker.publish('a', event('1'), kept)).toMatchObject({ duplicate: false })
    expect(await readdir(scene.folder)).toEqual(['backplane'])
  })

  it('has one winner, whoever comes at the same time', async () => {
    for (let round = 0; round < 30; round++) {
      await leaveSocket()
      const servers = await Promise.allSettled([1, 2, 3, 4].map(() => scene.serve(new MemoryBackplane())))
      const winners = servers.filter((result) => result.status === 'fulfilled').map(({ value }) => value)
      expect(winners).toHaveLength(1)
      for (const result of servers)
        if (result.status === 'rejected') expect(result.reason.message).toContain('another process serves there')
      const worker = await scene.connect()
      expect(winners[0]!.workers).toBe(1)
      await worker.close()
      await winners[0]!.close()
    }
  })

  it('is taken over also from a process that died while it took it over', async () => {
    await leaveSocket()
    await link(scene.path, `${scene.path}.lock`)
    await scene.serve(new MemoryBackplane())
    await scene.connect()
    expect(await readdir(scene.folder)).toEqual(['backplane'])
  })

  it('is left to a process that took it over a moment ago', async () => {
    await leaveSocket()
    hook.beforeLock = async () => {
      hook.beforeLock = async () => {}
      await scene.serve(new MemoryBackplane())
    }
    await expect(scene.serve(new MemoryBackplane())).rejects.toMatchObject(refused)
    await scene.connect()
  })

  it('stays that of the next process, if the one before ends late', async () => {
    const first = await scene.serve(new MemoryBackplane())
    await rename(scene.path, `${scene.path}-moved`)
    await scene.serve(new MemoryBackplane())
    await first.close()
    await scene.connect()
  })

  it.runIf(process.getuid?.() === 0)('tells of a socket of another user', async () => {
    await leaveSocket()
    await chmod(scene.folder, 0o755)
    await chmod(scene.path, 0o600)
    process.seteuid!(65_534)
    try {
      await expect(connectBackplane({ path: scene.path, timeoutMs: 100 })).rejects.toMatchObject({
        message: expect.stringContaining('EACCES'),
      })
    } finally {
      process.seteuid!(0)
    }
  })

  it('needs options that can work', async () => {
    await expect(serveBackplane(new MemoryBackplane(), { path: '' })).rejects.toMatchObject(invalid)
    await expect(scene.serve(new MemoryBackplane(), { maxBacklogBytes: Number.NaN })).rejects.toMatchObject(invalid)
    await expect(scene.connect({ timeoutMs: 0 })).rejects.toMatchObject(invalid)
  })

  it('is short enough for every system, at both ends', async () => {
    scene.path = join(scene.folder, 'x'.repeat(120))
    await expect(scene.serve(new MemoryBackplane())).rejects.toMatchObject(invalid)
    await expect(scene.connect()).rejects.toMatchObject(invalid)
    expect(await readdir(scene.folder)).toEqual([])
    scene.path = join(scene.folder, 'ü'.repeat((94 - scene.folder.length - 1) >> 1))
    await scene.serve(new MemoryBackplane())
    await scene.connect()
  })

  it('is the name of a pipe on Windows', () => {
    expect(() => checkPath('/run/app/backplane', 'win32')).toThrow(expect.objectContaining(invalid))
    expect(() => checkPath('C:\\app\\backplane', 'win32')).toThrow('\\\\.\\pipe\\')
    for (const path of ['\\\\.\\pipe\\app', '\\\\?\\pipe\\app', `\\\\.\\pipe\\${'x'.repeat(200)}`])
      expect(() => checkPath(path, 'win32')).not.toThrow()
  })
})
