import { describe, expect, it } from 'vitest'
import { HttpStatusError } from '../runtime/errors.js'
import { packState, parseNote, unpackState } from './notes.js'

const state = { status: 'waiting', attempt: 1 } as never
const logNote = (error: unknown) => ({
  type: 'log',
  version: 1,
  leader: [1, 'x'],
  before: [1, 1],
  items: [],
  state: { status: 'waiting', attempt: 1, error },
})

describe('the error of a state', () => {
  it.each([
    ['no text', Object.create(null)],
    ['a text that throws', { toString: 1, valueOf: 1 }],
    ['a symbol', Symbol('refused')],
  ])('is passed on as a text if it has %s', (_, error) => {
    const packed = packState({ ...(state as object), error } as never)
    expect(packed.error).toEqual(expect.any(String))
    expect(unpackState(packed).error).toBeInstanceOf(Error)
  })

  it('keeps its class and fields', () => {
    const error = new HttpStatusError(503, '', 'http://server.test/', '', undefined)
    const { error: restored } = unpackState(structuredClone(packState({ ...(state as object), error } as never)))
    expect(restored).toBeInstanceOf(HttpStatusError)
    expect(restored).toMatchObject({ code: error.code, message: error.message })
  })

  it.each([
    [null],
    [{ toString: 1, valueOf: 1 }],
    [{ code: 'X', message: { toString: 1 } }],
    [{ code: 1, message: '' }],
  ])('of another tab is refused if it is malformed: %j', (error) => {
    expect(parseNote(logNote('text'))).toBeDefined()
    expect(parseNote(logNote(error))).toBeUndefined()
  })
})
