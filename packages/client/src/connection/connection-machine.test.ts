import { describe, expect, test } from 'vitest'
import {
  type ConnectionInput,
  type ConnectionStatus,
  type InputType,
  initialState,
  type MachineContext,
  type MachineState,
  transition,
  transitions,
} from './connection-machine.js'
import { retryPolicy } from './retry-policy.js'

const statuses: ConnectionStatus[] = ['idle', 'connecting', 'open', 'waiting', 'closed']
const inputs: InputType[] = [
  'connect',
  'close',
  'reconnect',
  'opened',
  'unauthorized',
  'refreshed',
  'lost',
  'left',
  'failed',
  'ended',
  'retryDue',
  'stable',
  'stale',
  'online',
  'visible',
  'hide',
  'show',
]
const error = new Error('reason')
const context: MachineContext = {
  policy: retryPolicy({ maxAttempts: 5 }),
  serverRetryMs: undefined,
  canRefresh: true,
  mayRepeat: true,
  now: 1_000_000,
  random: 0,
}

const inputOf = (type: InputType): ConnectionInput => ({ type, error }) as ConnectionInput
const stateOf = (status: ConnectionStatus, fields: Partial<MachineState> = {}): MachineState => ({
  ...initialState,
  status,
  attempt: 2,
  error: 'old',
  ...fields,
})

/** Written apart from the machine's own table, so that neither can change alone. `-`: nothing happens. */
const expected: Record<InputType, Record<ConnectionStatus, string>> = {
  //              idle                 connecting                open                      waiting            closed
  connect: row('connecting: open', '-', '-', '-', 'connecting: open'),
  close: row('closed: drop', 'closed: drop', 'closed: drop', 'closed: drop', '-'),
  reconnect: row(
    'connecting: open',
    'connecting: drop open',
    'connecting: drop open',
    'connecting: open',
    'connecting: open',
  ),
  opened: row('-', 'open: scheduleStable', '-', '-', '-'),
  unauthorized: row('-', 'connecting: refresh', '-', '-', '-'),
  refreshed: row('-', 'connecting: open', '-', '-', '-'),
  lost: row('-', 'waiting: drop scheduleRetry', 'waiting: drop scheduleRetry', '-', '-'),
  left: row('-', 'waiting: drop scheduleRetry', 'waiting: drop scheduleRetry', '-', '-'),
  failed: row('-', 'closed: drop', 'closed: drop', '-', '-'),
  ended: row('-', 'closed: drop', 'closed: drop', 'closed: drop', '-'),
  retryDue: row('-', '-', '-', 'connecting: open', '-'),
  stable: row('-', '-', 'open:', '-', '-'),
  stale: row('-', '-', 'connecting: drop open', '-', '-'),
  online: row('-', 'connecting: drop open', '-', 'connecting: open', '-'),
  visible: row('-', '-', '-', 'connecting: open', '-'),
  hide: row('-', 'waiting: drop', 'waiting: drop', '-', '-'),
  show: row('-', '-', '-', 'connecting: open', '-'),
}

function row(...outcomes: [string, string, string, string, string]): Record<ConnectionStatus, string> {
  return Object.fromEntries(statuses.map((status, i) => [status, outcomes[i]])) as Record<ConnectionStatus, string>
}

describe('every status and input', () => {
  test('of the table is tested', () => {
    expect(Object.keys(transitions)).toEqual(statuses)
    for (const status of statuses) expect(inputs).toEqual(expect.arrayContaining(Object.keys(transitions[status])))
  })

  for (const input of inputs) {
    test.each(statuses)(`${input} in status %s`, (status) => {
      const before = stateOf(status)
      const { state, effects } = transition(before, inputOf(input), context)
      const outcome = state === before ? '-' : `${state.status}: ${effects.join(' ')}`.trim()
      expect(outcome).toBe(expected[input][status])
    })
  }

  test('keeps its invariants', () => {
    for (const status of statuses) {
      for (const type of inputs) {
        const { state, effects } = transition(stateOf(status, { retryAt: 5 }), inputOf(type), context)
        if (state.status !== status || effects.length > 0) {
          // A timer is set exactly in waiting for a retry; leaving a status forgets it.
          expect(state.retryAt !== undefined).toBe(effects.includes('scheduleRetry'))
        }
        // Two attempts never run side by side.
        if (effects.includes('open') && (status === 'open' || (status === 'connecting' && type !== 'refreshed'))) {
          expect(effects).toContain('drop')
        }
        // What leads away from a live connection drops it.
        if (status === 'open' && state.status !== 'open') expect(effects).toContain('drop')
      }
    }
  })
})

describe('guards and memory', () => {
  const step = (state: MachineState, type: InputType, change: Partial<MachineContext> = {}) =>
    transition(state, inputOf(type), { ...context, ...change }).state

  test('the last failed retry closes the stream with its error', () => {
    expect(step(stateOf('connecting', { attempt: 4 }), 'lost')).toMatchObject({ status: 'waiting', attempt: 5, error })
    expect(step(stateOf('connecting', { attempt: 5 }), 'lost')).toMatchObject({ status: 'closed', error })
    expect(step(stateOf('open', { attempt: 0 }), 'lost', { policy: retryPolicy({ maxAttempts: 0 }) })).toMatchObject({
      status: 'closed',
      error,
    })
  })

  test('a retry is due after the delay for its attempt', () => {
    expect(step(stateOf('connecting', { attempt: 0 }), 'lost').retryAt).toBe(1_001_000)
    expect(step(stateOf('connecting', { attempt: 2 }), 'lost').retryAt).toBe(1_004_000)
    expect(step(stateOf('open', { attempt: 0 }), 'lost', { serverRetryMs: 7_000 }).retryAt).toBe(1_007_000)
  })

  test('401 refreshes once, until a connection is accepted', () => {
    const refreshed = step(step(stateOf('connecting'), 'unauthorized'), 'refreshed')
    expect(refreshed).toMatchObject({ status: 'connecting', refreshSpent: true })
    expect(step(refreshed, 'unauthorized')).toMatchObject({ status: 'closed', error })
    const accepted = step(refreshed, 'opened')
    expect(accepted).toMatchObject({ status: 'open', refreshSpent: false, error: undefined })
    expect(step(stateOf('connecting'), 'unauthorized', { canRefresh: false }).status).toBe('closed')
  })

  test('an interrupted refresh does not count', () => {
    const suspended = step(step(stateOf('connecting'), 'unauthorized'), 'hide')
    expect(step(step(suspended, 'show'), 'unauthorized').status).toBe('connecting')
  })

  test('only the user may shorten a wait that the server asked for', () => {
    const held = transition(stateOf('connecting'), { type: 'lost', error, retryAfterMs: 60_000 }, context).state
    expect(held.retryAt).toBe(1_060_000)
    for (const type of ['online', 'visible', 'show', 'hide', 'connect'] as const) expect(step(held, type)).toBe(held)
    expect(step(held, 'reconnect').status).toBe('connecting')
    expect(step(held, 'retryDue')).toMatchObject({ status: 'connecting', held: false })
  })

  test('a lasting connection resets the count, one that is only accepted does not', () => {
    const accepted = step(stateOf('connecting', { attempt: 3 }), 'opened')
    expect(accepted.attempt).toBe(3)
    expect(step(accepted, 'stable').attempt).toBe(0)
    expect(step(accepted, 'lost').attempt).toBe(4)
  })

  test('connect() and close() reset everything', () => {
    const past = { attempt: 4, error, refreshSpent: true }
    const clean = { attempt: 0, error: undefined, refreshSpent: false }
    expect(step(stateOf('closed', past), 'connect')).toMatchObject(clean)
    expect(step(stateOf('waiting', past), 'close')).toMatchObject(clean)
  })
})
