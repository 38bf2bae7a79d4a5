import { afterEach, describe, expect, it, vi } from 'vitest'
import * as core from './index.js'

const { EventTooLargeError, EventValidationError, InvalidFieldError, RivuletError, UnknownEventError } = core

describe('errors', () => {
  afterEach(() => vi.resetModules())

  it('have a class, a code, fields, and a fix in the message', () => {
    const error = new EventValidationError('log', [
      { path: ['items', 0, 'name'], message: 'Required' },
      { path: [], message: 'Unknown key' },
    ])
    expect(error).toMatchObject({ name: 'EventValidationError', code: 'RIVULET_EVENT_INVALID', type: 'log' })
    expect(error.message).toBe(
      'The payload of event "log" does not fit its schema:\n  items.0.name: Required\n  (payload): Unknown key\n' +
        'Correct the payload, or the schema in defineEvents({ … }). See https://git.example/rivulet/blob/main/docs/errors/RIVULET_EVENT_INVALID.md',
    )
    expect(new UnknownEventError('lgo', ['log', 'tick']).message).toContain('It has: log, tick.')
  })

  it('are distinguished', () => {
    const error: unknown = new InvalidFieldError('id', 'a\n', 'take it out.')
    expect(error).toBeInstanceOf(InvalidFieldError)
    expect(error).toBeInstanceOf(RivuletError)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(EventTooLargeError)
    for (const other of [undefined, null, 'x', {}, new Error('x'), { code: 'RIVULET_INVALID_FIELD' }]) {
      expect(other).not.toBeInstanceOf(InvalidFieldError)
      expect(other).not.toBeInstanceOf(RivuletError)
    }
  })

  it('are recognized across two copies of the package', async () => {
    vi.resetModules()
    const copy = await import('./index.js')
    const error = new copy.EventTooLargeError(5)
    expect(copy.EventTooLargeError).not.toBe(EventTooLargeError)
    expect(error).toBeInstanceOf(EventTooLargeError)
    expect(error).toBeInstanceOf(RivuletError)
    expect(error).not.toBeInstanceOf(InvalidFieldError)
  })

  it('leave users’ subclasses alone', () => {
    class MineError extends EventTooLargeError {}
    expect(new MineError(1)).toBeInstanceOf(EventTooLargeError)
    expect(new EventTooLargeError(1)).not.toBeInstanceOf(MineError)
  })

  it('name no page for foreign codes', () => {
    expect(new RivuletError('APP_QUOTA', 'The quota is used up.').message).toBe('The quota is used up.')
  })

  it('share no code', () => {
    const codes = Object.values(core).flatMap((value) =>
      typeof value === 'function' && 'code' in value && value.code ? [value.code] : [],
    )
    expect(codes.length).toBeGreaterThan(5)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toMatch(/^RIVULET_[A-Z_]+$/)
  })
})
