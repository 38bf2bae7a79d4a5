import type { RefreshHook } from './credential-refresh.js'
import type { RequestOptions } from './request.js'
import type { RetryOptions } from './retry-policy.js'

/** Options of a connection: the request, its retries, and its limits. */
export interface ConnectionOptions extends RequestOptions {
  /** Delays and limits of the retries of a lost connection. */
  retry?: RetryOptions
  /**
   * Refreshes the credential when the server answers 401. When it resolves, the request is made once more. When it rejects,
   * the stream closes with that error, so let it retry temporary failures itself. Streams that share the function share
   * its calls: one is in flight at a time. A call that takes longer than `callbackTimeoutMs` fails the attempt, not the
   * stream.
   */
  onUnauthorized?: RefreshHook
  /** Time after two missed heartbeats until the connection counts as dead, in milliseconds. @default 5_000 */
  heartbeatMarginMs?: number
  /**
   * Time without a byte until a connection counts as dead, in milliseconds, on streams that announce no heartbeat. 0: never.
   * @default 0
   */
  idleTimeoutMs?: number
  /** The largest event that is accepted, in bytes. A larger one is skipped and reported, and counts as a gap. @default 1_048_576 */
  maxEventBytes?: number
}
