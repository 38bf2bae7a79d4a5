import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkPayloadKeys, defineEvents, EventNameError, ReservedKeyError } from './index.js'

describe('defineEvents', () => {
  const schema = z.object({ message: z.string() })

  it('makes one frozen definition per event', () => {
    const events = defineEvents({ log: schema, 'user.joined': schema })
    expect(Object.keys(events)).toEqual(['log', 'user.joined'])
    expect(events.log).toEqual({ type: 'log', schema })
    expect(Object.isFrozen(events) && Object.isFrozen(events.log)).toBe(true)
  })

  it('has no names except the given ones', () => {
    const events = defineEvents({ log: schema })
    expect('constructor' in events).toBe(false)
    expect('__proto__' in events).toBe(false)
  })

  it.each(['id', 'type', 'timestamp', 'source'])('refuses %s in a schema, whichever library made it', (key) => {
    const schemas = [z.object({ [key]: z.string() }), v.object({ [key]: v.string() }), type({ [key]: 'string' })]
    for (const user of schemas) {
      let error: unknown
      try {
        defineEvents({ user: user as never })
      } catch (caught) {
        error = caught
      }
      expect(error).toBeInstanceOf(ReservedKeyError)
      expect(error).toMatchObject({ code: 'RIVULET_RESERVED_KEY', type: 'user', key })
      expect((error as Error).message).toContain('Rename it')
    }
  })

  it.each(['', 'a\nb', 'a\rb', 'a\0b', 'heartbeat', 'rivulet:open', 'rivulet:mine'])('refuses the name %j', (name) => {
    expect(() => defineEvents({ [name]: schema })).toThrow(EventNameError)
  })
})

describe('checkPayloadKeys', () => {
  it('refuses own reserved keys and nothing else', () => {
    expect(() => checkPayloadKeys('log', { message: 'x', ids: 1 })).not.toThrow()
    expect(() => checkPayloadKeys('log', { source: undefined })).toThrow(ReservedKeyError)
  })
})
