import { EventStreamService, type EventStreamServiceOptions } from '../event-stream-service.js'
import { Feed } from './feed.js'
import { sameValue } from './same-value.js'

/** A stream that a provider made of its options, or was given. */
export interface ProviderStream {
  readonly feed: Feed
  /** The options of the last render, whose functions the stream calls. `undefined` for a stream that was given. */
  options: EventStreamServiceOptions | undefined
  /** The headers that were last a reason to connect. */
  headers: EventStreamServiceOptions['headers']
}

/** Makes what a provider provides. Without effect until the feed is opened, so a render may do it and be thrown away. */
export function createProviderStream(
  service: EventStreamService | undefined,
  options: EventStreamServiceOptions,
  bufferSize: number,
): ProviderStream {
  if (service) return { feed: new Feed(service, bufferSize), options: undefined, headers: undefined }
  const latest = (): Record<string, unknown> => stream.options as object as Record<string, unknown>
  const stable: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    const call = (...values: unknown[]): unknown => {
      // Taken out of its object, as the browser's own fetch minds what it is called on.
      const current = latest()[key]
      return (current as (...values: unknown[]) => unknown)(...values)
    }
    stable[key] = typeof value === 'function' ? call : value
  }
  if (options.headers) {
    stable.headers = () => {
      const { headers } = latest()
      return typeof headers === 'function' ? headers() : headers
    }
  }
  const stream: ProviderStream = {
    feed: new Feed(new EventStreamService(stable as object as EventStreamServiceOptions), bufferSize),
    options,
    headers: options.headers,
  }
  return stream
}

/**
 * Whether the stream is what a provider with these properties would make. Of headers it only counts whether there are any:
 * see `followHeaders`.
 */
export function isStreamOf(
  { feed, options: before }: ProviderStream,
  service: EventStreamService | undefined,
  options: EventStreamServiceOptions,
): boolean {
  if (!before || service) return feed.service === service
  return sameValue({ ...before, headers: !before.headers }, { ...options, headers: !options.headers })
}

/** Other headers reconnect: the same stream goes on, so nothing of it is lost. */
export function followHeaders(stream: ProviderStream): void {
  const { feed, options, headers } = stream
  if (!options) return
  stream.headers = options.headers
  if (sameValue(headers, options.headers)) return
  const { status, error } = feed.service.state
  const endedOnPurpose = status === 'closed' && error === undefined
  if (status !== 'idle' && !endedOnPurpose) feed.service.reconnect()
}
