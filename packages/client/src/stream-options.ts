import type { Clock, EventContract, SseMessage } from '@rivulet/core'
import type { ConnectionOptions } from './connection/connection-options.js'
import type { PersistOptions } from './delivery/cursor-store.js'
import type { MappedEvent } from './delivery/typed-event.js'
import type { SharedOptions } from './shared/shared-link.js'

export interface EventStreamServiceOptions<Contract extends EventContract = EventContract> extends ConnectionOptions {
  /** The contract, which types the handlers and validates the events. Without a contract, all events are accepted. */
  events?: Contract
  /**
   * Validates received payloads. `false` trusts the server and saves time, but handlers then get the payload as it was sent.
   * Use `false` only if no schema transforms its input.
   * @default true
   */
  validate?: boolean
  /**
   * Turns the messages of a foreign stream, which does not follow Rivulet's wire format, into typed events. Return `undefined`
   * to skip a message. An exception goes to `onError`. The contract validates the payload as usual.
   */
  mapMessage?: (message: SseMessage) => MappedEvent | undefined
  /**
   * Recognizes the last message of a foreign stream, for example `data === '[DONE]'`. That message is not delivered, and the
   * stream closes without an error.
   */
  until?: (message: SseMessage) => boolean
  /**
   * The ID of the last event that the application already has, for example in a page that was rendered on a server.
   * @default '': begins at the present
   */
  lastEventId?: string
  /**
   * Keeps the cursor over a reload, so that the new page continues where the old one ended. A `lastEventId` takes precedence.
   * @default false
   */
  persist?: boolean | PersistOptions
  /**
   * Shares one connection among all tabs of the origin that make the same request for the same user. One tab holds the
   * connection and passes the events to the others. When that tab closes, another one takes over. Name the user:
   * `shared: { key: user.id }`. `true` is enough for a stream without cookies (`credentials: 'omit'`) and `headers`. The
   * server's `replay` and `snapshot` belong to a connection, so a tab that joins later does not get them. If the browser
   * lacks or forbids Web Locks or `BroadcastChannel`, the stream has its own connection.
   * @default false
   */
  shared?: boolean | SharedOptions
  /** The source of time, timers and randomness. Tests replace it. @default the system's clock */
  clock?: Clock
}
