import { RivuletError } from '@rivulet/core'
import type { ConnectionSnapshot } from '../connection/stream-link.js'
import { textOf } from '../runtime/errors.js'
import type { LogItem, Place } from './shared-log.js'

/** The state of the shared connection. */
export interface SharedState extends ConnectionSnapshot {
  /** The history of the connection is over. */
  readonly live?: boolean | undefined
  /** The stream is a run. */
  readonly run?: boolean | undefined
}

/** Term and tab of a leader. The later of two leaders counts. */
export type LeaderId = readonly [term: number, tab: string]

/** Message from one tab to others. */
export type Note =
  /** Brings the leader's new items, which follow the place `before`. Answers `ping` if there are none. */
  | {
      readonly type: 'log'
      readonly leader: LeaderId
      readonly before: Place
      readonly items: readonly LogItem[]
      readonly state: SharedState
    }
  /** Asks for the items after a place, or else after an event. */
  | {
      readonly type: 'hello'
      readonly from: string
      readonly question: number
      readonly place: Place
      readonly cursor: string
    }
  /** Answers a `hello`, without items if the leader lacks them. `place` and `cursor` include the last item. */
  | {
      readonly type: 'welcome'
      readonly leader: LeaderId
      readonly to: string
      readonly question: number
      readonly items: readonly LogItem[] | undefined
      readonly place: Place
      readonly cursor: string
      readonly state: SharedState
    }
  /** Asks the leader for a sign of life. */
  | { readonly type: 'ping' }
  /** Announces that the sender has the lock and will soon lead. */
  | { readonly type: 'elected' }
  /** Asks the leader to retry now. */
  | { readonly type: 'reconnect' }

export type LeaderNote = Note & { type: 'log' | 'welcome' }

type Fields = Record<string, unknown>

/** Checks received data. Returns `undefined` if it is not a note: any page of the origin can post to the channel. */
export function parseNote(data: unknown): Note | undefined {
  return isObject(data) && Object.hasOwn(checks, data.type as string) && checks[data.type as Note['type']](data)
    ? (data as unknown as Note)
    : undefined
}

const checks: { readonly [T in Note['type']]: (note: Fields) => boolean } = {
  log: ({ leader, before, items, state }) => isLeader(leader) && isPlace(before) && isItems(items) && isState(state),
  hello: ({ from, question, place, cursor }) => isText(from) && isNumber(question) && isPlace(place) && isText(cursor),
  welcome: ({ leader, to, question, items, place, cursor, state }) =>
    isLeader(leader) &&
    isText(to) &&
    isNumber(question) &&
    (items === undefined || isItems(items)) &&
    isPlace(place) &&
    isText(cursor) &&
    isState(state),
  ping: () => true,
  elected: () => true,
  reconnect: () => true,
}

const statuses: readonly unknown[] = ['idle', 'connecting', 'open', 'waiting', 'closed']

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isText = (value: unknown): boolean => typeof value === 'string'
const isNumber = (value: unknown): boolean => Number.isSafeInteger(value)
const isPlace = (value: unknown): boolean => Array.isArray(value) && isNumber(value[0]) && isNumber(value[1])
const isLeader = (value: unknown): boolean => Array.isArray(value) && isNumber(value[0]) && isText(value[1])
const isItems = (value: unknown): boolean => Array.isArray(value) && value.every(isItem)
const isLocation = (value: unknown): boolean => value === undefined || isText(value)
/** A packed error: a text, or the fields of a `RivuletError`. */
const isError = (value: unknown): boolean =>
  value === undefined || isText(value) || (isObject(value) && isText(value.code) && isText(value.message))
const isGap = (value: unknown): boolean => value === undefined || (isObject(value) && isText(value.reason))

function isItem(item: unknown): boolean {
  if (!isObject(item)) return false
  const { place, id, gap, message, beside, joined } = item
  return (
    isPlace(place) &&
    (id === undefined || isText(id)) &&
    isGap(gap) &&
    (beside === undefined || (isObject(beside) && isText(beside.channel) && isText(beside.id))) &&
    (joined === undefined || (Array.isArray(joined) && joined.every(isText))) &&
    (message === undefined ||
      (isObject(message) && isText(message.event) && isText(message.data) && isText(message.lastEventId)))
  )
}

function isState(value: unknown): boolean {
  return (
    isObject(value) &&
    statuses.includes(value.status) &&
    Number.isFinite(value.attempt) &&
    isError(value.error) &&
    isGap(value.gap) &&
    isLocation(value.location) &&
    (value.live === undefined || typeof value.live === 'boolean')
  )
}

/** Makes the error of a state safe to post. */
export function packState(state: SharedState): SharedState {
  const { error } = state
  return error === undefined ? state : { ...state, error: packError(error) }
}

/** Restores a packed state. Its error passes `instanceof` by its code. */
export function unpackState(state: SharedState): SharedState {
  const { error } = state
  if (error === undefined) return state
  if (typeof error === 'string') return { ...state, error: new Error(error) }
  const { code, message } = error as RivuletError
  return { ...state, error: Object.assign(new RivuletError(code, message), error) }
}

function packError(error: unknown): unknown {
  try {
    if (error instanceof RivuletError) {
      return JSON.parse(JSON.stringify({ ...error, name: error.name, message: error.message }))
    }
  } catch {
    // A field of the error has no JSON.
  }
  return textOf(error)
}
