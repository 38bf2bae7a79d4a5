import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { Feed } from './feed.js'
import { sameValue } from './same-value.js'

/** A stream that a provider made of its options, or was given. */
export interface ProviderStream {
  readonly feed: Feed
  /** The options of the last render, whose functions the stream calls. `undefined` for a stream that was given. */
  options: EventStreamServiceOptions | undefined
}

/** Makes what a provider provides. Without effect until the feed is opened, so a render may do it and be thrown away. */
export function createProviderStream(
  service: EventStreamService | undefined,
  options: EventStreamServiceOptions,
  bufferSize: number,
): ProviderStream {
  if (service) return { feed: new Feed(service, bufferSize), options: undefined }
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
  }
  return stream
}

/**
 * Whether the stream is what a provider with these properties would make. Of headers it only counts whether there are any:
 * see `updateOptions`.
 */
export function isStreamOf(
  { feed, options: before }: ProviderStream,
  service: EventStreamService | undefined,
  options: EventStreamServiceOptions,
): boolean {
  if (!before || service) return feed.service === service
  return sameValue({ ...before, headers: !before.headers }, { ...options, headers: !options.headers })
}

/** Takes over the options of a render. Other headers reconnect: the same stream goes on, so nothing of it is lost. */
export function updateOptions(stream: ProviderStream, options: EventStreamServiceOptions): void {
  const { service } = stream.feed
  const before = stream.options
  if (!before) return
  stream.options = options
  if (sameValue(before.headers, options.headers)) return
  const { status, error } = service.state
  const endedOnPurpose = status === 'closed' && error === undefined
  if (status !== 'idle' && !endedOnPurpose) service.reconnect()
}
