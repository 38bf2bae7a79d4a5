import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { EventValidationError, validatePayload } from './index.js'

describe('validatePayload', () => {
  it.each([
    ['zod', z.object({ user: z.object({ age: z.number() }) })],
    ['valibot', v.object({ user: v.object({ age: v.number() }) })],
    ['arktype', type({ user: { age: 'number' } })],
  ])('gives the output or every issue with its path: %s', (_, schema) => {
    expect(validatePayload('user', schema, { user: { age: 3 } })).toEqual({ user: { age: 3 } })
    expect(() => validatePayload('user', schema, { user: { age: 'x' } })).toThrow(
      expect.objectContaining({
        code: 'RIVULET_EVENT_INVALID',
        type: 'user',
        issues: [{ path: ['user', 'age'], message: expect.stringMatching(/number/) }],
      }),
    )
  })

  it('returns the transformed value', () => {
    const schema = z.object({ at: z.string().transform((text) => text.length) })
    expect(validatePayload('x', schema, { at: 'four' })).toEqual({ at: 4 })
  })

  it('waits for an asynchronous schema', async () => {
    const schema = z.object({ name: z.string().refine(async (name) => name !== 'taken', 'taken') })
    await expect(validatePayload('x', schema, { name: 'free' })).resolves.toEqual({ name: 'free' })
    await expect(validatePayload('x', schema, { name: 'taken' })).rejects.toThrow(EventValidationError)
  })

  /** A schema that answers as a broken library would. */
  const answering = (answer: unknown) => ({
    '~standard': { version: 1 as const, vendor: 'test', validate: () => answer as never },
  })

  it('waits for a promise of another realm', async () => {
    const later = (answer: unknown) =>
      Object.defineProperty({}, 'then', { value: (give: (answer: unknown) => void) => give(answer) })
    const bad = answering(later({ issues: [{ message: 'no' }] }))
    await expect(validatePayload('x', bad, {})).rejects.toThrow(EventValidationError)
    await expect(validatePayload('x', answering(later({ value: 1 })), {})).resolves.toBe(1)
  })

  it.each([undefined, null, true, {}, { success: true }])(
    'lets nothing pass when the schema answers with %o',
    (answer) => {
      expect(() => validatePayload('x', answering(answer), {})).toThrow()
    },
  )
})
