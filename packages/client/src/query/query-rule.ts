import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { QueryKey } from './query-client.js'

/** Data with its cursor: the ID up to which it includes all events. The server reads both together. */
export interface Snapshot {
  readonly cursor: string
}

/** Says which events change which queries. */
export interface QueryRule<Definition extends EventDefinition, Data extends Snapshot> {
  /** The beginning of the keys of the queries. */
  queryKey: QueryKey
  /** The events that change them. */
  events: readonly Definition[]
  /** Tells whether an event changes a query. @default Each event changes each query of the rule */
  concerns?: (event: EventOfDefinition<Definition>, queryKey: QueryKey) => boolean
  /**
   * The channels whose events change a query: only a gap on one of them makes it refetch.
   * @default All: every gap makes it refetch
   */
  channels?: (queryKey: QueryKey) => string | readonly string[]
  /**
   * Returns the data after an event, like a reducer, without changing the old data. The cursor need not be changed. `undefined`
   * makes the query refetch. Data without a `cursor` is not patched, because nobody knows whether it includes the event:
   * its query refetches.
   * @default Each event makes the query refetch
   */
  patch?: (data: Data, event: EventOfDefinition<Definition>, queryKey: QueryKey) => Data | undefined
}

/** A rule of any events and data. */
export interface AnyQueryRule {
  readonly queryKey: QueryKey
  readonly events: readonly EventDefinition[]
  readonly concerns: ((event: BaseEvent, queryKey: QueryKey) => boolean) | undefined
  readonly channels: ((queryKey: QueryKey) => string | readonly string[]) | undefined
  readonly patch: ((data: Snapshot, event: BaseEvent, queryKey: QueryKey) => Snapshot | undefined) | undefined
}

/**
 * Types a rule for `syncQueries`. Give the data's type to the first parameter of `patch`; the event's type is inferred.
 *
 * @example
 * queryRule({
 *   queryKey: ['board'],
 *   events: [events.card_moved],
 *   patch: (board: Board, event) => moveCard(board, event.card, event.column),
 * })
 */
export function queryRule<Definition extends EventDefinition, Data extends Snapshot = Snapshot>(
  rule: QueryRule<Definition, Data>,
): AnyQueryRule {
  const { queryKey, events, concerns, channels, patch } = rule as unknown as AnyQueryRule
  return { queryKey, events, concerns, channels, patch }
}

/** Tells whether a key begins with the rule's. */
export function matchesKey(rule: AnyQueryRule, queryKey: QueryKey): boolean {
  return rule.queryKey.every((part, index) => JSON.stringify(part) === JSON.stringify(queryKey[index]))
}

export function cursorOf(data: unknown): string | undefined {
  const { cursor } = Object(data)
  return typeof cursor === 'string' && cursor !== '' ? cursor : undefined
}
