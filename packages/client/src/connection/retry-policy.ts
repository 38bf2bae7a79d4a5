// Decides how long a retry waits: `retry:` or `Retry-After` of the server, doubling, jitter.

/** Delays and limits of retries. All times are milliseconds. */
export interface RetryOptions {
  /**
   * The delay before the first retry, at least 250. A `retry:` from the server replaces it. The delay doubles with each further
   * retry.
   * @default 1_000
   */
  initialMs?: number
  /** The limit of the doubling. Jitter may add up to the same time again. @default 30_000 */
  maxMs?: number
  /** The number of retries in a row that may fail before the stream closes. 0: no retries. @default Infinity */
  maxAttempts?: number
  /** The time a connection must last to reset the count of retries, and with it the delay. @default 5_000 */
  stableAfterMs?: number
}

export type RetryPolicy = Required<RetryOptions>

/** The shortest delay. It prevents a storm of requests when a server is down or sends `retry: 0`. */
const minDelayMs = 250
/** The longest accepted `retry:`. A higher value is probably a mistake, and would silence the client for too long. */
const maxFloorMs = 300_000
/** The longest accepted `Retry-After`. */
const maxRetryAfterMs = 3_600_000
/** The longest delay of any kind, about 28 hours. A much longer one would overflow a timer, which then fires at once. */
const maxDelayMs = 100_000_000

export function retryPolicy({
  initialMs = 1_000,
  maxMs = 30_000,
  maxAttempts = Infinity,
  stableAfterMs = 5_000,
}: RetryOptions = {}): RetryPolicy {
  return {
    initialMs: clamp(initialMs, minDelayMs, maxDelayMs),
    maxMs: clamp(maxMs, minDelayMs, maxDelayMs),
    maxAttempts,
    stableAfterMs: clamp(stableAfterMs, 0, maxDelayMs),
  }
}

export interface RetrySituation {
  /** The number of the retry in a row, from 1. */
  attempt: number
  /** The last `retry:` of the server, if any. */
  serverRetryMs?: number | undefined
  /** The `Retry-After` of the last response, if any. */
  retryAfterMs?: number | undefined
  /** From 0 (inclusive) to 1 (exclusive). */
  random: number
}

/**
 * Returns the delay before a retry, in milliseconds. Jitter only adds to the base: every client waits at least as long as the
 * server asks, and the clients don't reconnect at the same moment.
 *
 * Jitter adds up to half of the base to the first retry, so that a short interruption stays short, and up to the whole base
 * to later retries. The times of these retries then leave no gaps, so a recovering server meets no waves of clients.
 */
export function retryDelay(policy: RetryPolicy, situation: RetrySituation): number {
  const { attempt, serverRetryMs, retryAfterMs, random } = situation
  const floor = serverRetryMs === undefined ? policy.initialMs : clamp(serverRetryMs, minDelayMs, maxFloorMs)
  const base =
    retryAfterMs === undefined
      ? Math.min(floor * 2 ** (attempt - 1), Math.max(policy.maxMs, floor))
      : Math.max(clamp(retryAfterMs, 0, maxRetryAfterMs), floor)
  const jitter = attempt > 1 ? random : random / 2
  return Math.min(Math.round(base * (1 + jitter)), maxDelayMs)
}

/** Limits a value. NaN, which a computed option may be, becomes the lower bound. */
function clamp(value: number, min: number, max: number): number {
  return value > min ? Math.min(value, max) : min
}
