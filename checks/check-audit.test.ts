import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { root } from '../test-support/root.js'

/** Audits a project that depends on `left`, against a registry that answers requests for vulnerabilities in this way. */
async function audit(status: number, advisories: object, ...args: string[]) {
  const registry = createServer((request, response) => {
    if (request.method === 'POST') response.writeHead(status).end(JSON.stringify(advisories))
    else response.end(JSON.stringify({ name: 'left', versions: { '1.0.0': { name: 'left', version: '1.0.0' } } }))
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'rivulet-audited-'))
  onTestFinished(async () => {
    registry.close()
    await rm(folder, { recursive: true, force: true })
  })
  const dependencies = { left: '1.0.0' }
  const packages = { '': { dependencies }, 'node_modules/left': { version: '1.0.0' } }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ dependencies }))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, requires: true, packages }))
  const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`
  return new Promise<{ code: number; output: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'scripts/check-audit.mjs'), folder, ...args],
      {
        env: {
          ...process.env,
          npm_config_registry: url,
          npm_config_cache: join(folder, 'cache'),
          npm_config_fetch_retries: '0',
        },
      },
      (error, stdout, stderr) => resolve({ code: (error?.code as number | undefined) ?? 0, output: stdout + stderr }),
    )
  })
}

describe('npm run check:audit', () => {
  it('passes without known vulnerabilities', async () => {
    expect(await audit(200, {})).toMatchObject({ code: 0, output: 'No known vulnerability (packages looked up: 1).\n' })
  })

  it('fails on a vulnerability, and names it', async () => {
    const advisory = {
      id: 1,
      title: 'It leaks',
      severity: 'high',
      vulnerable_versions: '<2.0.0',
      url: 'https://a.example',
    }
    const { code, output } = await audit(200, { left: [advisory] })
    expect(output).toContain('It leaks')
    expect(code).toBe(1)
  })

  it.each([404, 405])('says that nothing was checked if the registry has no audit service: %i', async (status) => {
    const { code, output } = await audit(status, {})
    expect(output).toContain('NOTHING WAS CHECKED')
    expect(code).toBe(0)
    expect(await audit(status, {}, '--required')).toMatchObject({ code: 1 })
  })

  it('fails if the registry fails', async () => {
    expect(await audit(500, {})).toMatchObject({ code: 1, output: expect.stringContaining('npm audit failed') })
  })
})
