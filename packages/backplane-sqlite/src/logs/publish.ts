import type { BackplaneMessage, LiveMessage, PublishResult } from '@rivulet/server'
import type { Step } from '../commits/step.js'
import type { IdempotencyKeys } from './idempotency-keys.js'
import type { Bounds } from './log.js'
import type { Logs } from './logs.js'

/** The parts that all publishes of a backplane share. */
export interface Publishing {
  readonly logs: Logs
  readonly keys: IdempotencyKeys
  readonly pass: (channel: string, message: LiveMessage) => void
}

export interface PublishRequest {
  readonly channel: string
  readonly message: BackplaneMessage
  readonly bounds: Bounds
  readonly retain: boolean
  readonly key: string | undefined
}

/** The step that stores one event and passes it on. */
export class Publish implements Step {
  readonly writes: boolean
  readonly #publishing: Publishing
  readonly #request: PublishRequest
  readonly #resolve: (result: PublishResult) => void
  readonly #reject: (error: unknown) => void
  #live: LiveMessage
  #result: PublishResult = live

  constructor(
    publishing: Publishing,
    request: PublishRequest,
    resolve: (result: PublishResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#publishing = publishing
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
    this.#live = request.message
    this.writes = this.#keeps || request.key !== undefined
  }

  get #keeps(): boolean {
    return this.#request.retain && this.#request.bounds.maxEvents > 0
  }

  apply(): void {
    const { logs, keys } = this.#publishing
    const { channel, message, bounds, key } = this.#request
    const earlier = key === undefined ? undefined : keys.get(channel, key)
    this.#result = earlier ?? live
    if (earlier || !this.writes) return
    if (this.#keeps) {
      const stored = logs.append(
        logs.open(channel, () => bounds),
        message,
      )
      this.#live = stored
      this.#result = { position: stored.position, duplicate: false }
    }
    if (key !== undefined) keys.set(channel, key, this.#live.position)
  }

  pass(): void {
    if (!this.#result.duplicate) this.#publishing.pass(this.#request.channel, this.#live)
  }

  done(): void {
    this.#resolve(this.#result)
  }

  fail(error: unknown): void {
    this.#reject(error)
  }
}

/** The result of an event that is not kept. */
const live: PublishResult = { position: undefined, duplicate: false }
