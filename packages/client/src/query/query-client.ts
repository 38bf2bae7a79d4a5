// The parts of TanStack Query's client that this entry uses, so that it works with every adapter of TanStack Query 5.

export type QueryKey = readonly unknown[]

/** A query in the cache. */
export interface CachedQuery {
  readonly queryKey: QueryKey
  readonly state: {
    readonly data: unknown
    readonly status: 'pending' | 'error' | 'success'
    readonly fetchStatus: 'fetching' | 'paused' | 'idle'
    readonly isInvalidated: boolean
  }
  setData(data: unknown, options: { manual: boolean }): unknown
}

/** A notice of the cache. An `updated` query has an `action`. */
export interface CacheNotice {
  readonly type: string
  readonly query: CachedQuery
  readonly action?: { readonly type: string; readonly manual?: boolean }
}

/** The `QueryClient` of `@tanstack/query-core`, `@tanstack/react-query`, `@tanstack/vue-query` and so on. */
export interface QueryClientLike {
  getQueryCache(): {
    getAll(): readonly CachedQuery[]
    subscribe(listener: (notice: never) => void): () => void
  }
  invalidateQueries(filters: never, options: { cancelRefetch: boolean }): Promise<unknown>
}
