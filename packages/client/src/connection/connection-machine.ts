import { type RetryPolicy, retryDelay } from './retry-policy.js'

// Decides when the client connects, waits, retries or gives up: a pure function of state and input.

/**
 * - `idle`: never connected.
 * - `connecting`: a request is in flight, or the credential is being refreshed.
 * - `open`: the server answered with an event stream.
 * - `waiting`: the connection is lost, and a retry is pending.
 * - `closed`: by `close()`, by the server, or after a final error. Only `connect()` and `reconnect()` leave this status.
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed'

/** An event in the life of a connection. */
export type ConnectionInput =
  | { readonly type: 'connect' }
  | { readonly type: 'close' }
  /** The application asks for an attempt without any delay. */
  | { readonly type: 'reconnect' }
  /** The server answered with an event stream. */
  | { readonly type: 'opened' }
  /** The server answered 401. */
  | { readonly type: 'unauthorized'; readonly error: unknown }
  /** The credential was refreshed. */
  | { readonly type: 'refreshed' }
  /** The attempt or the open connection failed temporarily. */
  | { readonly type: 'lost'; readonly error: unknown; readonly retryAfterMs?: number | undefined }
  /** The browser aborted the connection during a navigation. If the page stays, the stream continues. */
  | { readonly type: 'left'; readonly error: unknown }
  /** The attempt or the open connection failed, and a retry would not help. */
  | { readonly type: 'failed'; readonly error: unknown }
  /** The stream is complete, according to the server or the application's `until`. */
  | { readonly type: 'ended' }
  /** The delay before the next attempt has passed. */
  | { readonly type: 'retryDue' }
  /** The connection has lasted for `stableAfterMs`. */
  | { readonly type: 'stable' }
  /** The page or the network reported a change while the heartbeat was overdue. */
  | { readonly type: 'stale'; readonly error: unknown }
  /** The network came back. */
  | { readonly type: 'online' }
  /** The page became visible. */
  | { readonly type: 'visible' }
  /** The user left the page. It may enter the back/forward cache. */
  | { readonly type: 'hide' }
  /** The browser shows the page, perhaps from the back/forward cache. */
  | { readonly type: 'show' }

export type InputType = ConnectionInput['type']

/** An action that follows a transition. */
export type ConnectionEffect =
  /** Start an attempt. */
  | 'open'
  /** Abandon the attempt or connection. */
  | 'drop'
  /** Call the credential hook; its outcome is `refreshed` or `failed`. */
  | 'refresh'
  /** Send `retryDue` at `retryAt`. */
  | 'scheduleRetry'
  /** Send `stable` after `stableAfterMs`. */
  | 'scheduleStable'

/** A change of the machine's own memory. */
type Update =
  /** Clear the count of retries, the error and the record of a refresh. */
  | 'reset'
  /** Store the input's error. */
  | 'note'
  /** Clear the error, and let a later 401 refresh the credential again. */
  | 'accept'
  /** Count one more retry. */
  | 'count'
  /** Clear the count of retries, because the connection is stable. */
  | 'settle'
  /** Record that the credential was refreshed, so that another 401 is final. */
  | 'spendRefresh'

type Guard =
  /** `maxAttempts` is not reached, and `mayRepeat`. */
  | 'mayRetry'
  /** The request may be sent again: the server cannot have acted on it already. */
  | 'mayRepeat'
  /** There is a credential hook, and it has not refreshed the credential since the last accepted connection. */
  | 'refreshLeft'
  /** The server did not ask the client to wait. */
  | 'mayHurry'

export interface Rule {
  readonly when?: Guard
  readonly to: ConnectionStatus
  readonly update?: readonly Update[]
  readonly effects?: readonly ConnectionEffect[]
}

export interface MachineState {
  readonly status: ConnectionStatus
  /** The number of the current or next retry in a row; 0 for the first attempt and on a stable connection. */
  readonly attempt: number
  /** The time of the next attempt; `undefined` when none is scheduled. */
  readonly retryAt: number | undefined
  /** The error of the last attempt or connection; `undefined` once an attempt has succeeded. */
  readonly error: unknown
  /** The server asked the client to wait until `retryAt`, so only `reconnect()` may shorten the delay. */
  readonly held: boolean
  readonly refreshSpent: boolean
}

/** Facts that a transition depends on, in addition to the state and the input. */
export interface MachineContext {
  readonly policy: RetryPolicy
  /** The last `retry:` of the server. */
  readonly serverRetryMs: number | undefined
  readonly canRefresh: boolean
  /** The request is idempotent or was not sent yet, or the server has sent something of its stream. */
  readonly mayRepeat: boolean
  readonly now: number
  readonly random: number
}

export const initialState: MachineState = {
  status: 'idle',
  attempt: 0,
  retryAt: undefined,
  error: undefined,
  held: false,
  refreshSpent: false,
}

const start: Rule[] = [{ to: 'connecting', update: ['reset'], effects: ['open'] }]
const restartIfRepeatable: Rule[] = [{ when: 'mayRepeat', to: 'connecting', effects: ['drop', 'open'] }]
const retry: Rule[] = [{ to: 'connecting', effects: ['open'] }]
const hurry: Rule[] = [{ when: 'mayHurry', to: 'connecting', effects: ['open'] }]
const lose: Rule[] = [
  { when: 'mayRetry', to: 'waiting', update: ['note', 'count'], effects: ['drop', 'scheduleRetry'] },
  { to: 'closed', update: ['note'], effects: ['drop'] },
]
const leave: Rule[] = [
  { when: 'mayRepeat', to: 'waiting', update: ['count'], effects: ['drop', 'scheduleRetry'] },
  { to: 'closed', update: ['note'], effects: ['drop'] },
]
const fail: Rule[] = [{ to: 'closed', update: ['note'], effects: ['drop'] }]
const end: Rule[] = [{ to: 'closed', update: ['reset'], effects: ['drop'] }]
/** A page that may be frozen gives up its connection. `show` opens a new one. */
const suspend: Rule[] = [{ when: 'mayRepeat', to: 'waiting', effects: ['drop'] }]

/**
 * The whole behaviour of a connection. For each status and input, the first rule whose guard holds applies. If no rule
 * applies, the input changes nothing. The diagram in the docs is generated from this table.
 */
export const transitions: { readonly [S in ConnectionStatus]: { readonly [I in InputType]?: readonly Rule[] } } = {
  idle: {
    connect: start,
    close: end,
    reconnect: start,
  },
  connecting: {
    close: end,
    reconnect: restartIfRepeatable,
    opened: [{ to: 'open', update: ['accept'], effects: ['scheduleStable'] }],
    unauthorized: [{ when: 'refreshLeft', to: 'connecting', update: ['note'], effects: ['refresh'] }, ...fail],
    refreshed: [{ to: 'connecting', update: ['spendRefresh'], effects: ['open'] }],
    lost: lose,
    left: leave,
    failed: fail,
    ended: end,
    // A request sent before the network changed may hang until its timeout.
    online: restartIfRepeatable,
    hide: suspend,
  },
  open: {
    close: end,
    reconnect: restartIfRepeatable,
    lost: lose,
    left: leave,
    failed: fail,
    ended: end,
    stable: [{ to: 'open', update: ['settle'] }],
    stale: [{ when: 'mayRepeat', to: 'connecting', update: ['note'], effects: ['drop', 'open'] }],
    hide: suspend,
  },
  waiting: {
    close: end,
    reconnect: retry,
    ended: end,
    retryDue: retry,
    online: hurry,
    visible: hurry,
    show: hurry,
  },
  closed: {
    connect: start,
    reconnect: start,
  },
}

const noEffects: readonly ConnectionEffect[] = []

/** Returns the next state and the effects, in order. Returns the same state object if the input changes nothing. */
export function transition(
  state: MachineState,
  input: ConnectionInput,
  context: MachineContext,
): { state: MachineState; effects: readonly ConnectionEffect[] } {
  const rule = transitions[state.status][input.type]?.find(({ when }) => !when || holds(when, state, context))
  if (!rule) return { state, effects: noEffects }
  const effects = rule.effects ?? noEffects
  const next: { -readonly [K in keyof MachineState]: MachineState[K] } = {
    ...state,
    status: rule.to,
    retryAt: undefined,
    held: false,
  }
  for (const update of rule.update ?? []) Object.assign(next, updates[update](next, input))
  if (effects.includes('scheduleRetry')) {
    const retryAfterMs = input.type === 'lost' ? input.retryAfterMs : undefined
    const { policy, serverRetryMs, random } = context
    next.retryAt = context.now + retryDelay(policy, { attempt: next.attempt, serverRetryMs, retryAfterMs, random })
    next.held = retryAfterMs !== undefined
  }
  return { state: next, effects }
}

function holds(guard: Guard, state: MachineState, { policy, canRefresh, mayRepeat }: MachineContext): boolean {
  switch (guard) {
    case 'mayRetry':
      return mayRepeat && state.attempt < policy.maxAttempts
    case 'mayRepeat':
      return mayRepeat
    case 'refreshLeft':
      return canRefresh && !state.refreshSpent
    case 'mayHurry':
      return !state.held
  }
}

const updates: { readonly [U in Update]: (state: MachineState, input: ConnectionInput) => Partial<MachineState> } = {
  reset: () => ({ attempt: 0, error: undefined, refreshSpent: false }),
  note: (_, input) => ({ error: 'error' in input ? input.error : undefined }),
  accept: () => ({ error: undefined, refreshSpent: false }),
  count: ({ attempt }) => ({ attempt: attempt + 1 }),
  settle: () => ({ attempt: 0 }),
  spendRefresh: () => ({ refreshSpent: true }),
}
