/** When a lost connection is tried again. All times are milliseconds. */
export interface RetryOptions {
  /**
   * The delay before the first retry where the server sends no `retry:`; a server that does decides this itself. It
   * doubles with each further retry. At least 250.
   * @default 1_000
   */
  initialMs?: number
  /** The longest delay that the doubling reaches. Jitter goes above it, by up to as much again. @default 30_000 */
  maxMs?: number
  /** How many retries in a row may fail before the stream closes. 0: a lost connection is never retried. @default Infinity */
  maxAttempts?: number
  /** How long a connection must last before the count of retries, and with it the delay, starts anew. @default 5_000 */
  stableAfterMs?: number
}

export type RetryPolicy = Required<RetryOptions>

/** Below this a server that is down, or a `retry: 0`, would be met by a storm of requests. */
const minDelayMs = 250
/** A `retry:` above this is taken for a mistake: one lost packet would silence the client for longer. */
const maxFloorMs = 300_000
/** The longest that a `Retry-After` is believed. */
const maxRetryAfterMs = 3_600_000
/** The longest delay of any kind, a good day: what is beyond it would overflow a timer, and fire at once. */
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
  /** Which retry in a row this is, from 1. */
  attempt: number
  /** The last `retry:` of the server, if it sent one. */
  serverRetryMs?: number | undefined
  /** The `Retry-After` of the response that refused the last attempt, if it had one. */
  retryAfterMs?: number | undefined
  /** From 0 up to, not including, 1. */
  random: number
}

/**
 * How long to wait before a retry. The base is a floor and all jitter goes above it: a server that asks for a pause gets
 * it from every client, and its clients don't come back at the same moment.
 *
 * Jitter is up to a half for the first retry, so that a short break stays short, and up to as much again for those after
 * it: the times of one retry then reach to those of the next, and servers that come back are not met by waves.
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

/** NaN, which a computed option may be, becomes the lower bound. */
function clamp(value: number, min: number, max: number): number {
  return value > min ? Math.min(value, max) : min
}
