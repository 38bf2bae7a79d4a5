import type { EventContract } from '@rivulet/core'
import { EventStreamService } from '../event-stream-service.js'
import type { CallbackOptions } from '../runtime/guard.js'
import type { EventStreamServiceOptions } from '../stream-options.js'
import type { AnyEventStream } from './keep-connected.js'
import { sameValue, snapshotOf } from './same-value.js'
import { StreamBinding } from './stream-binding.js'

type Options = EventStreamServiceOptions
type Values = Record<string, unknown>

/**
 * Stream of a provider: given to it, or created from its options. It has no effect until its binding is opened, so a render
 * may create one and discard it.
 */
export class ProviderStream {
  readonly binding: StreamBinding
  /** Options of the latest render, whose functions the stream calls. `undefined` for a given stream. */
  #options: Options | undefined
  /** Copy of the options as they were at first: they may be changed in place. */
  #compared: unknown
  /** Headers of the latest connection. */
  #headers: unknown

  /**
   * @param service The given stream. `undefined` makes one from the options.
   * @param options Ignored with a given stream.
   * @param bufferSize Number of events kept for each type of the contract. 0 keeps none.
   *
   * @throws {ConfigurationError} for an invalid option.
   */
  constructor(service: AnyEventStream | undefined, options: Options, bufferSize: number) {
    if (!service) {
      this.#options = options
      this.#compared = comparable(options)
      this.#headers = snapshotOf(options.headers)
    }
    this.binding = new StreamBinding(
      service ?? new EventStreamService(stableOptions(options, () => this.#options!)),
      bufferSize,
    )
  }

  /**
   * Tells whether it still fits the provider's props. If not, create a new one. Options are compared by value.
   * Functions, the values of `headers` and the `channels` may differ: see `use` and `follow`. Of a contract only the names of
   * the events count, as a contract made inside a component has new schemas with each render; the latest ones validate.
   */
  matches(service: AnyEventStream | undefined, options: Options): boolean {
    if (service || !this.#options) return this.binding.service === service
    return sameValue(this.#compared, comparable(options))
  }

  /**
   * Calls the functions of these options from now on, sends their headers and validates by their schemas. Ignored with
   * a given stream.
   */
  use(options: Options): void {
    if (this.#options) this.#options = options
  }

  /**
   * Changes the channels if they have changed. Reconnects if the values of `headers` have changed since the latest
   * connection. The stream resumes, so no event is lost.
   */
  follow(): void {
    if (!this.#options) return
    const { channels, shared } = this.#options
    // Its error goes to the stream's `onError`.
    if (channels && !shared) void this.binding.service.setChannels(channels)
    const before = this.#headers
    this.#headers = snapshotOf(this.#options.headers)
    if (sameValue(before, this.#headers)) return
    const { service } = this.binding
    const { status, error } = service.state
    const endedOnPurpose = status === 'closed' && error === undefined
    if (status !== 'idle' && !endedOnPurpose) service.reconnect()
  }
}

function comparable({ headers, events, channels, ...options }: Options): unknown {
  return {
    ...(snapshotOf(options) as object),
    headers: !headers,
    events: events && Object.keys(events).sort(),
    // A shared stream cannot change them.
    channels: options.shared ? snapshotOf(channels) : !channels,
  }
}

/** Makes options that call the latest functions, send the latest headers and validate by the latest schemas. */
function stableOptions(options: Options, latest: () => Options): Options {
  const stable: Values = {}
  for (const [key, value] of Object.entries(options)) {
    const call = (...values: unknown[]): unknown => {
      // Not called as a method: the browser's own fetch refuses another `this`.
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
