import { expect, it } from 'vitest'
import type { StoredMessage } from '../backplane/backplane.js'
import { cutMessages } from './piece.js'

const message = (type: string, position: number): StoredMessage => ({
  type,
  data: '{}',
  position,
  previous: position - 1,
})

it('cuts behind the last event of a stream, whatever follows it in the log', () => {
  const messages = ['token', 'rivulet:end', 'token', 'token'].map(message)
  expect(cutMessages(messages, 0)).toEqual({ end: 2, full: true })
  expect(cutMessages(messages, 2)).toEqual({ end: 4, full: false })
})
