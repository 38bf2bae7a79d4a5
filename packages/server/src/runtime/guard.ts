import type { Awaitable } from './awaitable.js'
import { ConfigurationError } from './errors.js'

// Every callback of the application is foreign code and is called through this file. It may return anything, throw or
// reject with anything, or never settle. None of that may leave a rejection unhandled or let anything pass.

/** The last argument of callbacks that may be asynchronous. */
export interface CallbackOptions {
  /**
   * Aborts when the client leaves, the manager closes, or `callbackTimeoutMs` has passed: nobody waits for the answer then.
   * The JavaScript runtime calls its listeners: an error that one throws is an uncaught exception, which no code here can catch.
   */
  readonly signal: AbortSignal
}

/** Recognizes any thenable. Throws what reading its `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** Handles the rejection of a promise that nobody awaits. Takes any thenable and never throws. */
export function disregard(promise: PromiseLike<unknown>): void {
  toPromise(promise).catch(() => {})
}

/** Wraps a thenable in a native promise, whatever it does. */
function toPromise<T>(promise: PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(promise))
}

/**
 * Calls a function that must return true or false synchronously.
 *
 * @throws {ConfigurationError} if it returns anything else, and whatever the function throws.
 */
export function decide(name: string, call: () => unknown): boolean {
  const answer = call()
  if (typeof answer === 'boolean') return answer
  if (isThenable(answer)) {
    disregard(answer)
    throw new ConfigurationError(name, 'a promise', 'Return true or false synchronously.')
  }
  throw new ConfigurationError(name, answer, 'Return true or false.')
}

/** Calls a function without waiting for its result. Passes on what it throws or rejects with. */
export function tell(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const done = call()
    if (isThenable(done)) toPromise(done).catch(onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** Waits for foreign promises until it is broken off. */
export class Wait {
  readonly #rejects = new Set<(outcome: unknown) => void>()
  #controller: AbortController | undefined
  #brokenOff: { readonly outcome: unknown; readonly reason: unknown } | undefined

  /** Made when it is first asked for: most functions do without. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#brokenOff) this.#controller.abort(this.#brokenOff.reason)
    return this.#controller.signal
  }

  /**
   * Settles as the promise does, unless it is broken off first.
   *
   * @param onLateFailure Receives a later rejection of the promise, unless it results from the abort.
   */
  for<T>(promise: PromiseLike<T>, onLateFailure: (error: unknown) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#brokenOff) reject(this.#brokenOff.outcome)
      this.#rejects.add(reject)
      toPromise(promise)
        .then(resolve, (error: unknown) => {
          reject(error)
          if (this.#brokenOff && !isAbort(error, this.#brokenOff.reason)) onLateFailure(error)
        })
        .finally(() => this.#rejects.delete(reject))
    })
  }

  /** Throws the outcome if the wait was broken off. */
  check(): void {
    if (this.#brokenOff) throw this.#brokenOff.outcome
  }

  /**
   * Rejects every pending and later wait at once.
   *
   * @param outcome The rejection of each wait.
   * @param reason The abort reason of the signal.
   */
  breakOff(outcome: unknown, reason: unknown = new DOMException('Nobody waits for the answer.', 'AbortError')): void {
    if (this.#brokenOff) return
    this.#brokenOff = { outcome, reason }
    for (const reject of this.#rejects) reject(outcome)
    this.#rejects.clear()
    this.#controller?.abort(reason)
  }
}

// A function that gives up because its signal aborted has not failed.
function isAbort(error: unknown, reason: unknown): boolean {
  if (error === reason) return true
  try {
    return (error as Error | undefined)?.name === 'AbortError'
  } catch {
    return false
  }
}

/**
 * Calls a function that may be asynchronous, and reads its answer.
 *
 * @param read Turns the answer into a result. It may throw like the function: answers have getters and may be proxies.
 * @throws whatever the function or `read` throws.
 */
export function ask<Answer, Result>(
  call: (options: CallbackOptions) => Awaitable<Answer>,
  read: (answer: Answer) => Awaitable<Result>,
  wait: Wait,
): Awaitable<Result> {
  const answer: unknown = call({
    get signal() {
      return wait.signal
    },
  })
  return isThenable(answer) ? toPromise(answer).then((given) => read(given as Answer)) : read(answer as Answer)
}
