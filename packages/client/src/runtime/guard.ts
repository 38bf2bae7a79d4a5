import type { Clock } from '@rivulet/core'
import { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'

// Every function that the application gave is foreign code, and is called through this file. It may return anything, throw
// or reject with anything, or never answer: none of that may leave a rejection unhandled, or keep a stream from closing.

/** The argument of functions that may answer later. */
export interface CallbackOptions {
  /** Aborts when the stream no longer waits for the answer: it was closed, or `callbackTimeoutMs` is over. */
  readonly signal: AbortSignal
}

/** How long an answer is waited for. */
export interface Patience {
  readonly clock: Clock
  /** Gives up when it aborts. */
  readonly signal: AbortSignal
  /** 0: for ever. */
  readonly timeoutMs: number
}

/** Calls a function whose answer nobody waits for, and hands on what it throws or rejects with. */
export function tell<T>(callback: (value: T) => unknown, value: T, onFailure: (error: unknown) => void): void {
  try {
    const done = callback(value)
    if (isThenable(done)) toPromise(done).catch(onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/**
 * Calls a function that has to answer at once.
 *
 * @throws {ConfigurationError} when it answers with a promise, and whatever it throws.
 */
export function decide<T, Answer>(name: string, callback: (value: T) => Answer, value: T): Answer {
  const answer = callback(value)
  if (!isThenable(answer)) return answer
  toPromise(answer).catch(() => {})
  throw new ConfigurationError(name, 'a promise', 'It has to answer at once.')
}

/**
 * Calls a function that may answer later.
 *
 * @param onTimeout Makes the error for an answer that does not come in time.
 * @throws (by its promise) whatever the function throws; the reason of the signal.
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
        // Without a reason a stream would seem to have ended on purpose.
        reject(error ?? new Error(`${name} failed with ${error}.`))
      },
    )
  })
}

/** Throws what reading a foreign `then` throws. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** A promise of this realm, whatever the thenable does. */
function toPromise(promise: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve) => resolve(promise))
}
