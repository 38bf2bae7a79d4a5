/** One open stream, as `manager.connections` and `disconnect` show it. */
export interface ConnectionInfo {
  /** The `connectionId` that the client was told. */
  readonly id: string
  /** Its channels, in alphabetical order. */
  readonly channels: readonly string[]
  /** The context that `authorize` returned. */
  readonly context: unknown
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
