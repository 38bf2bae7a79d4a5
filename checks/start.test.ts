import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../test-support/free-port.js'
import { root } from '../test-support/root.js'

function npmStart(port: number) {
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: root,
    env: { ...process.env, PORT: String(port), DATA_DIR: mkdtempSync(join(tmpdir(), 'rivulet-start-')) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const exited = once(child, 'exit').then(([code]) => code as number)
  return { child, exited, output: () => output }
}

describe('npm start', () => {
  it('serves the monitor, prints its address, and ends with its signal', async () => {
    const port = await freePort()
    const { child, exited, output } = npmStart(port)
    onTestFinished(() => void child.kill())
    await expect.poll(output, { timeout: 50_000 }).toContain(`Monitor: http://localhost:${port}`)
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toContain('<div id="root">')
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  it('says which port is taken and how to choose another', async () => {
    const other = createServer().listen(0)
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const { exited, output } = npmStart(port)
    expect(await exited).toBe(1)
    expect(output()).toContain(`Port ${port} is taken`)
    expect(output()).toContain(`PORT=${port + 1} npm start`)
  })
})
