import type { EventStreamService, EventStreamServiceOptions } from '@rivulet/client'
import { createProviderStream, followHeaders, isStreamOf } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { type ReactElement, type ReactNode, useEffect, useInsertionEffect, useState } from 'react'
import { FeedContext } from './context.js'

interface CommonProps {
  children?: ReactNode
  /**
   * How many events of each type of the contract are kept for components that mount later and ask for them with
   * `replay`. 0: none, and events that no component listens to are not even parsed. Read when the stream is made.
   * @default 100
   */
  bufferSize?: number
}

/** A stream that you made: the first provider that mounts connects it and the last one closes it, unless you had connected it. */
export type GivenStreamProps<Contract extends EventContract> = CommonProps & {
  service: EventStreamService<Contract>
} & { [Option in keyof EventStreamServiceOptions]?: undefined }

/**
 * The options of a stream of the provider's own. They are compared by value, so they may be written inline: functions may
 * change with each render, and the latest one is called; other `headers` make the stream reconnect and go on where it was;
 * any other change makes a new stream.
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
  const { children, service: given, bufferSize = 100, ...rest } = props
  const service = given as EventStreamService | undefined
  const options = rest as EventStreamServiceOptions
  const [made, setMade] = useState(() => createProviderStream(service, options, bufferSize))
  let stream = made
  if (!isStreamOf(made, service, options)) {
    stream = createProviderStream(service, options, bufferSize)
    setMade(stream)
  }
  const { feed } = stream
  // Before the effects, the provider's own and those of its children, which may connect or subscribe.
  useInsertionEffect(() => {
    if (stream.options) stream.options = options
  })
  useEffect(() => feed.open(), [feed])
  useEffect(() => followHeaders(stream))
  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>
}
