import type { Clock, EventContract, SseMessage } from '@rivulet/core'
import type { ConnectionOptions } from './connection/connection-options.js'
import type { PersistOptions } from './delivery/cursor-store.js'
import type { MappedEvent } from './delivery/typed-event.js'
import type { SharedOptions } from './shared/shared-link.js'

export interface EventStreamServiceOptions<Contract extends EventContract = EventContract> extends ConnectionOptions {
  /** The contract: it types the handlers and validates the events. Without one, every event is accepted as it comes. */
  events?: Contract
  /**
   * Validates received payloads. `false` trusts the server and saves the time. Use it only where no schema transforms:
   * handlers then get the payload as it was sent.
   * @default true
   */
  validate?: boolean
  /**
   * Makes typed events of the messages of a foreign stream, which do not follow Rivulet's wire format. Return `undefined` to
   * skip a message. An exception goes to `onError`. The contract validates the payload as usual.
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
   * Keeps the cursor over a reload, so that a page continues where the one before it ended. A `lastEventId` takes precedence.
   * @default false
   */
  persist?: boolean | PersistOptions
  /**
   * Gives one connection to all tabs of the origin that make the same request for the same user. One tab holds it and hands the
   * events to the others; when that tab goes away, the next one continues. Name the user: `shared: { key: user.id }`.
   * `true` is enough for a stream without cookies (`credentials: 'omit'`) and `headers`. The server's `replay` and
   * `snapshot` belong to a connection, so a tab that joins later does not get them. Where the browser lacks or forbids
   * Web Locks or `BroadcastChannel`, the stream has its own connection.
   * @default false
   */
  shared?: boolean | SharedOptions
  /** Time and chance, a seam for tests. @default the system's */
  clock?: Clock
}
