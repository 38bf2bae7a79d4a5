import type { Awaitable } from './awaitable.js'
import { ConfigurationError } from './errors.js'

// Every function that the application gave is foreign code, and is called through this file. It may return anything, throw
// or reject with anything, or never answer: none of that may leave a rejection unhandled, or let anything pass.

/** The last argument of functions that may answer later. */
export interface CallbackOptions {
  /**
   * Aborts when the client has left, when the manager closes, or after `callbackTimeoutMs`: nobody waits for the answer then.
   * The runtime calls its listeners: what one of them throws is an uncaught exception, which nothing here can catch.
   */
  readonly signal: AbortSignal
}

/** Tells what has to be awaited. Throws what reading a foreign `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** Keeps the rejection of a promise that nobody waits for from being unhandled. Takes any thenable, and never throws. */
export function disregard(promise: PromiseLike<unknown>): void {
  toPromise(promise).catch(() => {})
}

/** A promise of this realm, whatever the thenable does. */
function toPromise<T>(promise: PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(promise))
}

/**
 * Calls a function that has to answer with true or false at once.
 *
 * @throws {ConfigurationError} when it answers with anything else, and whatever it throws.
 */
export function decide(name: string, call: () => unknown): boolean {
  const answer = call()
  if (typeof answer === 'boolean') return answer
  if (isThenable(answer)) {
    disregard(answer)
    throw new ConfigurationError(name, 'a promise', 'It has to answer true or false at once.')
  }
  throw new ConfigurationError(name, answer, 'Return true or false.')
}

/** Calls a function whose answer nobody waits for, and hands on what it throws or rejects with. */
export function tell(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const done = call()
    if (isThenable(done)) toPromise(done).catch(onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** Waits for foreign promises, and can be told to give up. */
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
   * Settles as the promise does, unless it is broken off before.
   *
   * @param onLateFailure Gets what the promise rejects with after that, unless it is the answer to the abort.
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

  /** Throws the outcome if it was broken off. */
  check(): void {
    if (this.#brokenOff) throw this.#brokenOff.outcome
  }

  /**
   * Rejects at once whatever is waited for, now or later.
   *
   * @param outcome What it is rejected with.
   * @param reason The signal's.
   */
  breakOff(outcome: unknown, reason: unknown = new DOMException('Nobody waits for the answer.', 'AbortError')): void {
    if (this.#brokenOff) return
    this.#brokenOff = { outcome, reason }
    for (const reject of this.#rejects) reject(outcome)
    this.#rejects.clear()
    this.#controller?.abort(reason)
  }
}

// What a function does when it is told to give up is no failure of its own.
function isAbort(error: unknown, reason: unknown): boolean {
  if (error === reason) return true
  try {
    return (error as Error | undefined)?.name === 'AbortError'
  } catch {
    return false
  }
}

/**
 * Asks a function that may answer later, and reads its answer.
 *
 * @param read Makes something of the answer. It belongs to the guarded part: answers have getters, and may be proxies.
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
