import { type RetryPolicy, retryDelay } from './retry-policy.js'

/**
 * - `idle`: never connected.
 * - `connecting`: a request is on its way, or its credential is being refreshed.
 * - `open`: the server answered with an event stream.
 * - `waiting`: the connection is lost and will be tried again.
 * - `closed`: by `close()`, by the server, or after a final error. Only `connect()` or `reconnect()` leaves it.
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed'

/** What can happen to a connection. */
export type ConnectionInput =
  | { readonly type: 'connect' }
  | { readonly type: 'close' }
  /** Try now, whatever is being waited for. */
  | { readonly type: 'reconnect' }
  /** The server answered with an event stream. */
  | { readonly type: 'opened' }
  /** The server answered 401. */
  | { readonly type: 'unauthorized'; readonly error: unknown }
  /** The credential was refreshed. */
  | { readonly type: 'refreshed' }
  /** The attempt or the open connection failed in a way that may pass. */
  | { readonly type: 'lost'; readonly error: unknown; readonly retryAfterMs?: number | undefined }
  /** The browser broke off the connection, as the page is being left. If it is not after all, the stream goes on. */
  | { readonly type: 'left'; readonly error: unknown }
  /** The attempt failed for good. */
  | { readonly type: 'failed'; readonly error: unknown }
  /** The stream is complete: the server said so, or the application's `until` did. */
  | { readonly type: 'ended' }
  /** The delay before the next attempt has passed. */
  | { readonly type: 'retryDue' }
  /** The connection has lasted for `stableAfterMs`. */
  | { readonly type: 'stable' }
  /** The page became visible, or the machine awoke, and nothing came for longer than the heartbeat allows. */
  | { readonly type: 'stale'; readonly error: unknown }
  /** The network came back. */
  | { readonly type: 'online' }
  /** The page became visible. */
  | { readonly type: 'visible' }
  /** The page is left, perhaps into the back/forward cache. */
  | { readonly type: 'hide' }
  /** The page is shown, perhaps from the back/forward cache. */
  | { readonly type: 'show' }

export type InputType = ConnectionInput['type']

/** What is to be done about it. */
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

/** What changes in the machine's own memory. */
type Update =
  /** The count of retries begins anew, and the past is forgotten. */
  | 'reset'
  /** The error is what the input says. */
  | 'note'
  /** The connection was accepted: there is no error, and a later 401 may refresh again. */
  | 'accept'
  /** There will be one more retry. */
  | 'count'
  /** The connection proved stable: the count of retries is 0. */
  | 'settle'
  /** The next attempt is made with a refreshed credential; if that is refused as well, it is final. */
  | 'spendRefresh'

type Guard =
  /** `maxAttempts` is not reached, and `mayRepeat`. */
  | 'mayRetry'
  /** The request can be sent again: the server cannot have acted on it already. */
  | 'mayRepeat'
  /** There is a credential hook, and no attempt since the last accepted connection was made with what it refreshed. */
  | 'refreshLeft'
  /** The server did not ask to wait. */
  | 'mayHurry'

export interface Rule {
  readonly when?: Guard
  readonly to: ConnectionStatus
  readonly update?: readonly Update[]
  readonly effects?: readonly ConnectionEffect[]
}

export interface MachineState {
  readonly status: ConnectionStatus
  /** Which retry in a row this is or waits for; 0 for a first attempt and a stable connection. */
  readonly attempt: number
  /** When the next attempt is made; `undefined` when none is scheduled. */
  readonly retryAt: number | undefined
  /** What the last attempt or connection failed with, until one succeeds. */
  readonly error: unknown
  /** The server asked to wait until `retryAt`, so only the user may hurry. */
  readonly held: boolean
  readonly refreshSpent: boolean
}

/** What a transition depends on beside the state and the input. */
export interface MachineContext {
  readonly policy: RetryPolicy
  /** The last `retry:` of the server. */
  readonly serverRetryMs: number | undefined
  readonly canRefresh: boolean
  /** The request is idempotent, was not sent yet, or its stream was opened. */
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
const restart: Rule[] = [{ to: 'connecting', effects: ['drop', 'open'] }]
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
/** A page that may be frozen holds no connection; `show` makes a new one. */
const suspend: Rule[] = [{ when: 'mayRepeat', to: 'waiting', effects: ['drop'] }]
const ignored: Rule[] = []

/**
 * The whole behaviour of a connection: for each status and input, the first rule whose guard holds. Where none does, the
 * input changes nothing. The diagram in the docs is generated from this table.
 */
export const transitions: { readonly [S in ConnectionStatus]: { readonly [I in InputType]: readonly Rule[] } } = {
  idle: {
    connect: start,
    close: end,
    reconnect: start,
    opened: ignored,
    unauthorized: ignored,
    refreshed: ignored,
    lost: ignored,
    left: ignored,
    failed: ignored,
    ended: ignored,
    retryDue: ignored,
    stable: ignored,
    stale: ignored,
    online: ignored,
    visible: ignored,
    hide: ignored,
    show: ignored,
  },
  connecting: {
    connect: ignored,
    close: end,
    reconnect: restart,
    opened: [{ to: 'open', update: ['accept'], effects: ['scheduleStable'] }],
    unauthorized: [{ when: 'refreshLeft', to: 'connecting', update: ['note'], effects: ['refresh'] }, ...fail],
    refreshed: [{ to: 'connecting', update: ['spendRefresh'], effects: ['open'] }],
    lost: lose,
    left: leave,
    failed: fail,
    ended: end,
    retryDue: ignored,
    stable: ignored,
    stale: ignored,
    // A request from before the network changed may hang until its timeout.
    online: restartIfRepeatable,
    visible: ignored,
    hide: suspend,
    show: ignored,
  },
  open: {
    connect: ignored,
    close: end,
    reconnect: restart,
    opened: ignored,
    unauthorized: ignored,
    refreshed: ignored,
    lost: lose,
    left: leave,
    failed: fail,
    ended: end,
    retryDue: ignored,
    stable: [{ to: 'open', update: ['settle'] }],
    stale: [{ to: 'connecting', update: ['note'], effects: ['drop', 'open'] }],
    online: ignored,
    visible: ignored,
    hide: suspend,
    show: ignored,
  },
  waiting: {
    connect: ignored,
    close: end,
    reconnect: retry,
    opened: ignored,
    unauthorized: ignored,
    refreshed: ignored,
    lost: ignored,
    left: ignored,
    failed: ignored,
    ended: end,
    retryDue: retry,
    stable: ignored,
    stale: ignored,
    online: hurry,
    visible: hurry,
    hide: ignored,
    show: hurry,
  },
  closed: {
    connect: start,
    close: ignored,
    reconnect: start,
    opened: ignored,
    unauthorized: ignored,
    refreshed: ignored,
    lost: ignored,
    left: ignored,
    failed: ignored,
    ended: ignored,
    retryDue: ignored,
    stable: ignored,
    stale: ignored,
    online: ignored,
    visible: ignored,
    hide: ignored,
    show: ignored,
  },
}

const noEffects: readonly ConnectionEffect[] = []

/** The next state and what is to be done, in order. The same state object when the input changes nothing. */
export function transition(
  state: MachineState,
  input: ConnectionInput,
  context: MachineContext,
): { state: MachineState; effects: readonly ConnectionEffect[] } {
  const rule = transitions[state.status][input.type].find(({ when }) => !when || holds(when, state, context))
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
