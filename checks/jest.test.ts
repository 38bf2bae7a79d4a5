import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../test-support/root.js'

const jest = join(root, 'node_modules/jest/bin/jest.js')

it.each(['jest-environment-jsdom', 'jest-fixed-jsdom'])('Jest tests apps of React and Vue in %s', (name) => {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, stderr } = spawnSync(
    process.execPath,
    [jest, '-c', 'jest/jest.config.cjs', '--runInBand', '--silent'],
    {
      cwd: join(root, 'checks'),
      env: { ...env, NODE_ENV: 'test', RIVULET_JEST_ENVIRONMENT: name },
      encoding: 'utf8',
    },
  )
  expect(stderr).toMatch(/^Tests: +5 passed, 5 total$/m)
  expect(status).toBe(0)
})
