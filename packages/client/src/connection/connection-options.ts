import type { RefreshHook } from './credential-refresh.js'
import type { PerAttempt, RequestOptions } from './request.js'
import type { RetryOptions } from './retry-policy.js'

/** Options of a connection: the request, its retries, and its limits. */
export interface ConnectionOptions extends RequestOptions {
  /**
   * Names of the channels to ask the server for; the route decides which ones the stream gets. `stream.setChannels` changes
   * them later. A `lastEventId` given with them counts for all of them.
   * @default undefined: the route's own choice
   */
  channels?: readonly string[]
  /**
   * The address to which `stream.setChannels` posts. A function is called for each post.
   * @default the stream's address, with `/control` added to its path
   */
  controlUrl?: PerAttempt<string | URL>
  /** Delays and limits of the retries of a lost connection. */
  retry?: RetryOptions
  /**
   * Refreshes the credential when the server answers 401. If it resolves, the request is made once more. If it rejects, the
   * stream closes with the same error, so retry temporary failures inside the function. Streams with the same function share
   * its calls: only one is in flight at a time. A call that takes longer than `callbackTimeoutMs` fails the attempt, not
   * the stream.
   */
  onUnauthorized?: RefreshHook
  /** Time between the second missed heartbeat and the reconnection, in milliseconds. @default 5_000 */
  heartbeatMarginMs?: number
  /**
   * Idle time after which the connection counts as dead, in milliseconds, on streams that announce no heartbeat. 0: never.
   * @default 0
   */
  idleTimeoutMs?: number
  /** The largest accepted event, in bytes. A larger event is skipped, and reported as an error and a gap. @default 1_048_576 */
  maxEventBytes?: number
}
