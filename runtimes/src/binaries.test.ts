import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { npmBinary } from '../../test-support/npm-binary.js'

afterEach(() => vi.unstubAllEnvs())

it('fails loudly if the settings of the environment keep npm from installing anything', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'rivulet-npm-'))
  onTestFinished(() => rm(cache, { recursive: true, force: true }))
  vi.stubEnv('npm_config_cache', cache)
  vi.stubEnv('npm_config_fetch_retries', '0')
  // Nothing listens on port 9.
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:9/')
  expect(() => npmBinary('workerd@1.20261117.1', 'workerd')).toThrow(/npm could not bring workerd@.*ECONNREFUSED/s)
})

it('finds a program under npm run too, in any workspace', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  vi.stubEnv('npm_config_local_prefix', root)
  vi.stubEnv('npm_config_workspace', 'runtimes')
  vi.stubEnv('npm_package_json', join(root, 'package.json'))
  expect(npmBinary('workerd@1.20261117.1', 'workerd')).not.toContain(root)
})
