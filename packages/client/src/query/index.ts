/**
 * Keeps the queries of TanStack Query equal to the server's state, in every framework that TanStack Query has an adapter for.
 *
 * @see The guide "TanStack Query".
 */
export type { QueryClientLike, QueryKey } from './query-client.js'
export { type AnyQueryRule, type QueryRule, queryRule, type Snapshot } from './query-rule.js'
export { type SyncQueriesOptions, syncQueries } from './sync-queries.js'
