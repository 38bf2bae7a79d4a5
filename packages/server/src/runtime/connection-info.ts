/** One open stream, as `manager.connections`, `disconnect` and `onError` show it. `Context` is that of its manager. */
export interface ConnectionInfo<Context = unknown> {
  /** The `connectionId` that the client was told. */
  readonly id: string
  /** Its channels, in alphabetical order. */
  readonly channels: readonly string[]
  /** The context that `authorize` returned; `undefined` if the route has no `authorize`, or it returned `true`. */
  readonly context: Context | undefined
  /** The key that `authorize` returned, for the limit per key. */
  readonly key: string | undefined
  /** In milliseconds since the Unix epoch. */
  readonly connectedAt: number
  /**
   * - `joining`: receives the events that it missed.
   * - `live`: receives events as they are published.
   * - `lagging`: reads too slowly, and receives the log at its own pace.
   * - `closed`: has ended.
   */
  readonly state: 'joining' | 'live' | 'lagging' | 'closed'
  /** Bytes that were written and have not been sent yet. */
  readonly bufferedBytes: number
}
