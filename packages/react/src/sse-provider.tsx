import type { EventStreamService, EventStreamServiceOptions } from '@rivulet/client'
import { ProviderStream } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { type ReactElement, type ReactNode, useEffect, useInsertionEffect, useState } from 'react'
import { FeedContext } from './context.js'
import { ShownPosition } from './shown-position.js'

interface CommonProps {
  children?: ReactNode
  /**
   * How many events of each type of the contract are kept for components that mount later and ask for them with
   * `replay`. 0: none, and events that no component listens to are not even parsed. Read when the stream is made.
   * @default 100
   */
  bufferSize?: number
  /**
   * How often, at most, components show what has come, in milliseconds. 0: with each animation frame. All of them show the
   * same, so it counts for everything below the provider; a provider inside of it with the same `service` may have another.
   * Handlers of `useServerEvent` are called at once all the same.
   * @default 0
   */
  throttleMs?: number
}

/** A stream that you made: the first provider that mounts connects it and the last one closes it, unless you had connected it. */
export type GivenStreamProps<Contract extends EventContract> = CommonProps & {
  service: EventStreamService<Contract>
} & { [Option in keyof EventStreamServiceOptions]?: undefined }

/**
 * The options of a stream of the provider's own. They are compared by value, so they may be written inline: functions may
 * change with each render, and the latest one is called; a contract counts by the names of its events, and the latest
 * schemas validate; other `headers` make the stream reconnect and go on where it was; any other change makes a new stream.
 */
export type OwnStreamProps<Contract extends EventContract> = CommonProps &
  EventStreamServiceOptions<Contract> & { service?: undefined }

export type SSEProviderProps<Contract extends EventContract = EventContract> =
  | GivenStreamProps<Contract>
  | OwnStreamProps<Contract>

/**
 * Gives the components inside of it a stream of events, connected for as long as the provider is mounted. Providers may
 * be nested: hooks use the nearest. On a server nothing connects.
 *
 * @example
 * <SSEProvider url="/events" events={events}>
 *   <App />
 * </SSEProvider>
 */
export function SSEProvider<Contract extends EventContract>(props: SSEProviderProps<Contract>): ReactElement {
  const { children, service: given, bufferSize = 100, throttleMs = 0, ...rest } = props
  const service = given as EventStreamService | undefined
  const options = rest as EventStreamServiceOptions
  const [made, setMade] = useState(() => new ProviderStream(service, options, bufferSize))
  let stream = made
  if (!stream.isOf(service, options)) {
    stream = new ProviderStream(service, options, bufferSize)
    setMade(stream)
  }
  const { feed } = stream
  // Before the effects, the provider's own and those of its children, which may connect or subscribe.
  useInsertionEffect(() => {
    stream.use(options)
    feed.throttle(throttleMs)
  })
  useEffect(() => feed.open(), [feed])
  useEffect(() => stream.followHeaders())
  return (
    <FeedContext.Provider value={feed}>
      <ShownPosition feed={feed} />
      {children}
    </FeedContext.Provider>
  )
}
