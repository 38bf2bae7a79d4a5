import type { Clock } from '@rivulet/core'
import { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'
import { development } from './development.js'

// This file makes all calls of the application's functions. They are foreign code: they may return anything, throw or reject
// with anything, or never settle. Even then, no rejection may stay unhandled, and the stream must be able to close.

/** The argument of functions that may be asynchronous. */
export interface CallbackOptions {
  /** Aborts when the stream stops waiting for the answer: it was closed, or `callbackTimeoutMs` has passed. */
  readonly signal: AbortSignal
}

/** Limits for the wait for an answer. */
export interface Patience {
  readonly clock: Clock
  /** Ends the wait when it aborts. */
  readonly signal: AbortSignal
  /** The longest wait, in milliseconds; 0: no limit. */
  readonly timeoutMs: number
}

/** Calls a function without waiting for its answer, and passes exceptions and rejections to `onFailure`. */
export function tell<T>(callback: (value: T) => unknown, value: T, onFailure: (error: unknown) => void): void {
  try {
    const done = callback(value)
    if (isThenable(done)) toPromise(done).catch(onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/**
 * Calls a function that must be synchronous.
 *
 * @throws {ConfigurationError} when the function returns a promise, and any exception of the function.
 */
export function decide<T, Answer>(name: string, callback: (value: T) => Answer, value: T): Answer {
  const answer = callback(value)
  if (!isThenable(answer)) return answer
  toPromise(answer).catch(() => {})
  throw new ConfigurationError(name, 'a promise', development ? 'Return the answer synchronously.' : '')
}

/**
 * Calls a function that may be asynchronous.
 *
 * @param onTimeout Creates the error for a timeout.
 * @throws (by its promise) any error of the function, the error of `onTimeout`, or the reason of the signal.
 */
export function ask<Answer>(
  name: string,
  callback: (options: CallbackOptions) => Answer | PromiseLike<Answer>,
  { clock, signal, timeoutMs }: Patience,
  onTimeout: () => Error = () => new CallbackTimeoutError(name, timeoutMs),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const controller = new AbortController()
    const giveUp = (reason: unknown) => {
      stopWaiting()
      reject(reason)
      controller.abort(reason)
    }
    const onAbort = () => giveUp(signal.reason)
    const timer = timeoutMs > 0 ? clock.setTimeout(() => giveUp(onTimeout()), timeoutMs) : undefined
    const stopWaiting = () => {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort)
    new Promise<Answer>((answer) => answer(callback({ signal: controller.signal }))).then(
      (answer) => {
        stopWaiting()
        resolve(answer)
      },
      (error) => {
        stopWaiting()
        // Without an error, the stream would seem to have ended on purpose.
        reject(error ?? new Error(`${name} failed with ${error}.`))
      },
    )
  })
}

/** Recognizes promises of any realm or library. Throws if the getter of a foreign `then` throws. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** Wraps a thenable in a promise of this realm, which behaves correctly even if the thenable does not. */
function toPromise(promise: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve) => resolve(promise))
}
