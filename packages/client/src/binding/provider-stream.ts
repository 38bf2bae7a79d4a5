import type { EventContract } from '@rivulet/core'
import { EventStreamService, type EventStreamServiceOptions } from '../event-stream-service.js'
import type { CallbackOptions } from '../guard.js'
import { Feed } from './feed.js'
import { sameValue, snapshotOf } from './same-value.js'

type Options = EventStreamServiceOptions
type Values = Record<string, unknown>

/**
 * A stream that a provider made of its options, or was given. It has no effect until its feed is opened, so a render may make
 * it and be thrown away.
 */
export class ProviderStream {
  readonly feed: Feed
  /** Options of the last render, whose functions the stream calls. `undefined` for a stream that was given. */
  #options: Options | undefined
  /** The same as they were then: they may be changed in place. */
  #compared: unknown
  /** Headers that the stream was last connected with. */
  #headers: unknown

  constructor(service: EventStreamService | undefined, options: Options, bufferSize: number) {
    if (!service) {
      this.#options = options
      this.#compared = comparable(options)
      this.#headers = snapshotOf(options.headers)
    }
    this.feed = new Feed(service ?? new EventStreamService(stableOptions(options, () => this.#options!)), bufferSize)
  }

  /**
   * Whether it is what a provider with these properties would make. Of headers it only counts whether there are any: see
   * `followHeaders`. A contract counts by the names of its events, as one that is made inside of a component has other
   * schemas with each render; the latest ones validate.
   */
  isOf(service: EventStreamService | undefined, options: Options): boolean {
    if (service || !this.#options) return this.feed.service === service
    return sameValue(this.#compared, comparable(options))
  }

  /** Goes on with the options of the latest render. */
  use(options: Options): void {
    if (this.#options) this.#options = options
  }

  /** Reconnects where the headers are others now: the same stream goes on, so nothing of it is lost. */
  followHeaders(): void {
    if (!this.#options) return
    const before = this.#headers
    this.#headers = snapshotOf(this.#options.headers)
    if (sameValue(before, this.#headers)) return
    const { service } = this.feed
    const { status, error } = service.state
    const endedOnPurpose = status === 'closed' && error === undefined
    if (status !== 'idle' && !endedOnPurpose) service.reconnect()
  }
}

function comparable({ headers, events, ...options }: Options): unknown {
  return { ...(snapshotOf(options) as object), headers: !headers, events: events && Object.keys(events).sort() }
}

/** Options that call the latest functions, send the latest headers, and validate by the latest schemas. */
function stableOptions(options: Options, latest: () => Options): Options {
  const stable: Values = {}
  for (const [key, value] of Object.entries(options)) {
    const call = (...values: unknown[]): unknown => {
      // Taken out of its object, as the browser's own fetch minds what it is called on.
      const current = (latest() as object as Values)[key]
      return (current as (...values: unknown[]) => unknown)(...values)
    }
    stable[key] = typeof value === 'function' ? call : value
  }
  if (options.headers) {
    stable.headers = (given: CallbackOptions) => {
      const { headers } = latest()
      return typeof headers === 'function' ? headers(given) : headers
    }
  }
  if (options.events) stable.events = stableContract(options.events, () => latest().events!)
  return stable as object as Options
}

function stableContract(contract: EventContract, latest: () => EventContract): EventContract {
  const entries = Object.entries(contract).map(([type, { schema }]) => {
    const { version, vendor } = schema['~standard']
    const validate = (value: unknown) => latest()[type]!.schema['~standard'].validate(value)
    return [type, { type, schema: { '~standard': { version, vendor, validate } } }]
  })
  return Object.fromEntries(entries)
}
