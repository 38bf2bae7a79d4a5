export type { Clock } from '@rivulet/core'
export type { ConnectionStatus } from './connection/connection-machine.js'
export type { ConnectionOptions } from './connection/connection-options.js'
export type { PerAttempt, RequestOptions } from './connection/request.js'
export type { RetryOptions } from './connection/retry-policy.js'
export type { ConnectionSnapshot } from './connection/stream-link.js'
export type { ConnectionState } from './connection-state.js'
export type { PersistOptions } from './delivery/cursor-store.js'
export type { EventIterable, IteratorOptions } from './delivery/event-iterator.js'
export type { EventHandler, SubscribeOptions } from './delivery/handler-list.js'
export type { MappedEvent } from './delivery/typed-event.js'
export { EventStreamService } from './event-stream-service.js'
export {
  CallbackTimeoutError,
  ChannelsRefusedError,
  ConfigurationError,
  ConnectionError,
  ConnectTimeoutError,
  ContentTypeError,
  HeartbeatTimeoutError,
  HttpStatusError,
  IteratorOverflowError,
  RequestNotRepeatedError,
  StreamClosedByServerError,
} from './runtime/errors.js'
export type { CallbackOptions } from './runtime/guard.js'
export type { StreamErrorContext } from './runtime/report-to.js'
export type { SharedOptions } from './shared/shared-link.js'
export type { EventStreamServiceOptions } from './stream-options.js'
