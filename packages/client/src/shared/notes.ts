import { RivuletError } from '@rivulet/core'
import type { ConnectionSnapshot } from '../connection/stream-link.js'
import type { LogItem, Place } from './shared-log.js'

/** A leader: its term, and its tab. Of two leaders the later one counts. */
export type LeaderId = readonly [term: number, tab: string]

/** What tabs say to each other. */
export type Note =
  /** A leader: these items follow the place `before`; without items, an answer to `ping`. */
  | {
      readonly type: 'log'
      readonly leader: LeaderId
      readonly before: Place
      readonly items: readonly LogItem[]
      readonly state: ConnectionSnapshot
    }
  /** A tab asks for the items after a place, or else after an event. */
  | {
      readonly type: 'hello'
      readonly from: string
      readonly question: number
      readonly place: Place
      readonly cursor: string
    }
  /** A leader answers one `hello`; without items if it does not have them. `place` and `cursor` are behind the last one. */
  | {
      readonly type: 'welcome'
      readonly leader: LeaderId
      readonly to: string
      readonly question: number
      readonly items: readonly LogItem[] | undefined
      readonly place: Place
      readonly cursor: string
      readonly state: ConnectionSnapshot
    }
  /** A tab asks for a sign of life. */
  | { readonly type: 'ping' }
  /** A tab has the lock and will lead in a moment. */
  | { readonly type: 'elected' }
  /** A tab's user wants to try now. */
  | { readonly type: 'reconnect' }

export type LeaderNote = Note & { type: 'log' | 'welcome' }

type Fields = Record<string, unknown>

/** A note as it was received, or `undefined` if it is none: anything of the origin can post to the channel. */
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
const isGap = (value: unknown): boolean => value === undefined || (isObject(value) && isText(value.reason))

function isItem(item: unknown): boolean {
  if (!isObject(item)) return false
  const { place, id, gap, message } = item
  return (
    isPlace(place) &&
    (id === undefined || isText(id)) &&
    isGap(gap) &&
    (message === undefined ||
      (isObject(message) && isText(message.event) && isText(message.data) && isText(message.lastEventId)))
  )
}

function isState(value: unknown): boolean {
  return isObject(value) && statuses.includes(value.status) && Number.isFinite(value.attempt) && isGap(value.gap)
}

/** A state whose error can travel. */
export function packState(state: ConnectionSnapshot): ConnectionSnapshot {
  const { error } = state
  return error === undefined ? state : { ...state, error: packError(error) }
}

/** The state that was packed. An error is an instance of its class by its code. */
export function unpackState(state: ConnectionSnapshot): ConnectionSnapshot {
  const { error } = state
  if (error === undefined) return state
  const { code, message } = error as RivuletError
  if (typeof code !== 'string') return { ...state, error: new Error(String(error)) }
  return { ...state, error: Object.assign(new RivuletError(code, message), error) }
}

function packError(error: unknown): unknown {
  try {
    if (error instanceof RivuletError) {
      return JSON.parse(JSON.stringify({ ...error, name: error.name, message: error.message }))
    }
  } catch {
    // A fact of the error has no JSON.
  }
  return String(error)
}
