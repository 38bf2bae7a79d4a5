import type { EventStreamService, EventStreamServiceOptions } from '@rivulet/client'
import { ProviderStream } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { type ReactElement, type ReactNode, useEffect, useInsertionEffect, useState } from 'react'
import { CommitMarker } from './commit-marker.js'
import { BindingContext } from './context.js'

interface CommonProps {
  children?: ReactNode
  /**
   * Number of events of each type of the contract that are kept for components that mount later and set `replay`. 0
   * keeps none, and types without a listening component are not even parsed. Read when the stream is made.
   * @default 100
   */
  bufferSize?: number
  /**
   * Least time between two updates of the components, in milliseconds. 0 updates with each animation frame. All
   * components of a provider show the same events, so it applies to all of them; a nested provider with the same
   * `service` may have another. Handlers of `useServerEvent` are called at once in any case.
   * @default 0
   */
  throttleMs?: number
}

/**
 * A stream that you created. The first provider to mount connects it and the last one to unmount closes it, unless you
 * connected it yourself.
 */
export type GivenStreamProps<Contract extends EventContract> = CommonProps & {
  service: EventStreamService<Contract>
} & { [Option in keyof EventStreamServiceOptions]?: undefined }

/**
 * Options of a stream that the provider creates. They may be written inline, because they are compared by value:
 *
 * - functions may change with each render, and the latest one is called;
 * - a contract may be created anew with the same event names, and the latest schemas validate;
 * - changed `headers` make the stream reconnect and resume;
 * - changed `channels` are changed on the stream, which stays connected (see `setChannels`), unless it is `shared`;
 * - any other change creates a new stream.
 */
export type OwnStreamProps<Contract extends EventContract> = CommonProps &
  EventStreamServiceOptions<Contract> & { service?: undefined }

export type SSEProviderProps<Contract extends EventContract = EventContract> =
  | GivenStreamProps<Contract>
  | OwnStreamProps<Contract>

/**
 * Provides the components inside it with an event stream, connected while the provider is mounted. Providers may be
 * nested: hooks use the nearest one. On a server, nothing connects.
 *
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * <SSEProvider url="/events" events={events}>
 *   <App />
 * </SSEProvider>
 */
export function SSEProvider<Contract extends EventContract>(props: SSEProviderProps<Contract>): ReactElement {
  const { children, service, bufferSize = 100, throttleMs = 0, ...rest } = props
  const options = rest as EventStreamServiceOptions
  const [made, setMade] = useState(() => new ProviderStream(service, options, bufferSize))
  let stream = made
  if (!stream.matches(service, options)) {
    stream = new ProviderStream(service, options, bufferSize)
    setMade(stream)
  }
  const { binding } = stream
  // An insertion effect: it runs before the effects of the children, which may connect or subscribe.
  useInsertionEffect(() => {
    stream.use(options)
    binding.throttle(throttleMs)
  })
  useEffect(() => binding.open(), [binding])
  useEffect(() => stream.follow())
  return (
    <BindingContext.Provider value={binding}>
      <CommitMarker binding={binding} />
      {children}
    </BindingContext.Provider>
  )
}
