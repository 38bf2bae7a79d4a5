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

/** Calls a function that must not be asynchronous. @throws {ConfigurationError} if it is, and whatever it throws. */
function callNow(name: string, fix: string, call: () => unknown): unknown {
  const answer = call()
  if (!isThenable(answer)) return answer
  disregard(answer)
  throw new ConfigurationError(name, 'a promise', fix)
}

/**
 * Calls a function that must return true or false synchronously.
 *
 * @throws {ConfigurationError} if it returns anything else, and whatever the function throws.
 */
export function decide(name: string, call: () => unknown): boolean {
  const answer = callNow(name, 'Return true or false synchronously.', call)
  if (typeof answer === 'boolean') return answer
  throw new ConfigurationError(name, answer, 'Return true or false.')
}

/**
 * Calls a function that must return at least one byte synchronously.
 *
 * @throws {ConfigurationError} if it returns anything else, and whatever the function throws.
 */
export function makeBytes(name: string, call: () => unknown): Uint8Array {
  const answer = callNow(name, 'Return bytes synchronously.', call)
  // Not `instanceof`: the bytes may come from another realm.
  if (ArrayBuffer.isView(answer) && 'BYTES_PER_ELEMENT' in answer && answer.BYTES_PER_ELEMENT === 1) {
    const bytes = answer as Uint8Array
    if (bytes.length > 0) return bytes
  }
  throw new ConfigurationError(name, answer, 'Return a Uint8Array that is not empty.')
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

/** Stops waiting. @param onLateFailure Gets what the promise rejects with after that. */
export type Leave = (onLateFailure?: (error: unknown) => void) => void

interface Reaction<T> {
  onValue: ((value: T) => void) | undefined
  onFailure: ((error: unknown) => void) | undefined
}

/** Calls back when a promise settles. A caller that leaves is forgotten, even if the promise never settles. */
export function whenSettled<T>(
  promise: PromiseLike<T>,
  onValue: (value: T) => void,
  onFailure: (error: unknown) => void,
): Leave {
  const reaction: Reaction<T> = { onValue, onFailure }
  react(promise, reaction)
  return (onLateFailure) => {
    reaction.onValue = undefined
    reaction.onFailure = onLateFailure
  }
}

// A separate function: its closures, which the promise retains, capture nothing but the reaction.
function react<T>(promise: PromiseLike<T>, reaction: Reaction<T>): void {
  toPromise(promise).then(
    (value) => reaction.onValue?.(value),
    (error: unknown) => reaction.onFailure?.(error),
  )
}

/** Something that many callers wait for. It forgets callers that leave: a promise would retain all that ever waited. */
export abstract class Step {
  /** Calls back once, unless the caller leaves first. */
  abstract wait(onValue: () => void, onFailure: (error: unknown) => void): Leave
}

/** A step that is done when a promise settles. */
export class SharedStep extends Step {
  readonly #waiting = new Set<Reaction<void>>()
  #settled: { readonly error?: unknown } | undefined

  constructor(promise: PromiseLike<void>) {
    super()
    whenSettled(
      promise,
      () => this.#settle({}, ({ onValue }) => onValue!()),
      (error) => this.#settle({ error }, ({ onFailure }) => onFailure!(error)),
    )
  }

  #settle(settled: { readonly error?: unknown }, call: (reaction: Reaction<void>) => void): void {
    this.#settled = settled
    for (const reaction of this.#waiting) call(reaction)
    this.#waiting.clear()
  }

  wait(onValue: () => void, onFailure: (error: unknown) => void): Leave {
    const reaction = { onValue, onFailure }
    if (!this.#settled) this.#waiting.add(reaction)
    else if ('error' in this.#settled) onFailure(this.#settled.error)
    else onValue()
    return () => void this.#waiting.delete(reaction)
  }
}

let nobodyWaits: DOMException | undefined

// Shared: an error of its own would retain a stack for as long as the promise that was waited for. Made when it is first
// needed, as some runtimes load this module before they have the class.
function nobodyWaitsError(): DOMException {
  nobodyWaits ??= new DOMException('Nobody waits for the answer.', 'AbortError')
  return nobodyWaits
}

/** Waits for foreign promises until it is broken off. */
export class Wait {
  #leaves: Set<() => void> | undefined
  #controller: AbortController | undefined
  #brokenOff: { readonly outcome: unknown; readonly reason: unknown } | undefined

  /** Made when it is first asked for: most functions do without. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#brokenOff) this.#controller.abort(this.#brokenOff.reason)
    return this.#controller.signal
  }

  /**
   * Settles as the step does, unless it is broken off first.
   *
   * @param onLateFailure Receives a later rejection of the promise, unless it results from the abort. The promise retains
   *   it, so it must not refer to the request.
   */
  for<T>(step: PromiseLike<T> | Step, onLateFailure: (error: unknown) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = () => this.#leaves?.delete(breakOff)
      const onValue = (value: T) => {
        settled()
        resolve(value)
      }
      const onFailure = (error: unknown) => {
        settled()
        reject(error)
      }
      const breakOff = () => {
        const { outcome, reason } = this.#brokenOff!
        leave(unlessAbort(reason, onLateFailure))
        reject(outcome)
      }
      this.#leaves ??= new Set()
      this.#leaves.add(breakOff)
      const leave =
        step instanceof Step ? step.wait(onValue as () => void, onFailure) : whenSettled(step, onValue, onFailure)
      if (this.#brokenOff) breakOff()
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
  breakOff(outcome: unknown, reason: unknown = nobodyWaitsError()): void {
    if (this.#brokenOff) return
    this.#brokenOff = { outcome, reason }
    for (const leave of this.#leaves ?? []) leave()
    this.#leaves = undefined
    this.#controller?.abort(reason)
  }
}

function unlessAbort(reason: unknown, onFailure: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    if (!isAbort(error, reason)) onFailure(error)
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

/** A class, because an object literal with a getter costs V8 a kilobyte, at each call. */
class WaitOptions implements CallbackOptions {
  readonly #wait: Wait

  constructor(wait: Wait) {
    this.#wait = wait
  }

  get signal(): AbortSignal {
    return this.#wait.signal
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
  const answer: unknown = call(new WaitOptions(wait))
  return isThenable(answer) ? toPromise(answer).then((given) => read(given as Answer)) : read(answer as Answer)
}
