import { describe, expect, it } from 'vitest'
import { idleState } from './idle-state.js'
import { type IndicatorState, viewIndicator } from './indicator.js'

type State = Partial<Omit<IndicatorState, 'connection'>> & { connection?: Partial<IndicatorState['connection']> }

const view = ({ connection, ...state }: State, labels?: Parameters<typeof viewIndicator>[1]) =>
  viewIndicator(
    { online: true, seenGap: undefined, seconds: undefined, ...state, connection: { ...idleState, ...connection } },
    labels,
  )
const gap = { type: 'rivulet:gap', reason: 'lagged' } as const

describe('the text', () => {
  it.each([
    ['Connecting', { connection: { status: 'idle' } }],
    ['Connecting', { connection: { status: 'connecting' } }],
    ['Reconnecting', { connection: { status: 'connecting', attempt: 1 } }],
    ['Reconnecting', { connection: { status: 'waiting' } }],
    ['Connected', { connection: { status: 'open', attempt: 3 } }],
    ['Connected', { connection: { status: 'open' }, online: false }],
    ['Missed some events', { connection: { status: 'open', gap } }],
    ['Connected', { connection: { status: 'open', gap }, seenGap: gap }],
    ['Reconnecting', { connection: { status: 'waiting', gap } }],
    ['Offline', { connection: { status: 'waiting' }, online: false }],
    ['Offline', { connection: { status: 'connecting' }, online: false }],
    ['Disconnected', { connection: { status: 'closed' }, online: false }],
  ] as [string, State][])('is "%s" for %j', (text, state) => {
    expect(view(state).text).toBe(text)
  })
})

it('offers to retry while it waits and when it is closed', () => {
  const offering = (['idle', 'connecting', 'open', 'waiting', 'closed'] as const).filter(
    (status) => view({ connection: { status } }).retry,
  )
  expect(offering).toEqual(['waiting', 'closed'])
})

it('counts down only behind "Reconnecting"', () => {
  expect(view({ connection: { status: 'waiting' }, seconds: 3 }).countdown).toBe('in 3 s')
  expect(view({ connection: { status: 'waiting' } }).countdown).toBeUndefined()
  expect(view({ connection: { status: 'waiting' }, online: false, seconds: 3 }).countdown).toBeUndefined()
})

it('names its state in class names', () => {
  expect(view({ connection: { status: 'open', gap } }).classNames).toEqual([
    'rivulet-indicator',
    'rivulet-indicator--open',
    'rivulet-indicator--gap',
  ])
  expect(view({ connection: { status: 'waiting' }, online: false }).classNames).toEqual([
    'rivulet-indicator',
    'rivulet-indicator--waiting',
    'rivulet-indicator--offline',
  ])
})

it('uses custom labels', () => {
  const { text, dismiss } = view({ connection: { status: 'open', gap } }, { gap: 'Lücke' })
  expect([text, dismiss]).toEqual(['Lücke', 'OK'])
})
