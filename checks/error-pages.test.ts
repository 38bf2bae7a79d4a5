import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineEvents, EventValidationError } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { root } from '../test-support/root.js'

const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

it("ends each error's message with the address of an existing page", () => {
  let thrown: unknown
  try {
    defineEvents({ 'rivulet:open': z.object({}) })
  } catch (error) {
    thrown = error
  }
  for (const error of [thrown, new EventValidationError('log', [{ path: [], message: 'Required' }])]) {
    const { code, message } = error as Error & { code: string }
    const address = / See (\S+)$/.exec(message)![1]!
    expect(address.startsWith(`${repository}/blob/main/`)).toBe(true)
    const page = readFileSync(join(root, address.slice(`${repository}/blob/main/`.length)), 'utf8')
    expect(page).toMatch(`# ${code}\n`)
  }
})
