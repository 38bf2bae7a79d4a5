export type { Clock } from '@rivulet/core'
export type { ConnectionOptions, ConnectionSnapshot } from './connection.js'
export type { ConnectionStatus } from './connection-machine.js'
export type { PersistOptions } from './cursor-store.js'
export {
  CallbackTimeoutError,
  ConfigurationError,
  ConnectionError,
  ConnectTimeoutError,
  ContentTypeError,
  HeartbeatTimeoutError,
  HttpStatusError,
  IteratorOverflowError,
  StreamClosedByServerError,
} from './errors.js'
export type { EventIterable, IteratorOptions } from './event-iterator.js'
export {
  type ConnectionState,
  type EventHandler,
  EventStreamService,
  type EventStreamServiceOptions,
} from './event-stream-service.js'
export type { CallbackOptions } from './guard.js'
export type { SubscribeOptions } from './handler-list.js'
export type { RetryOptions } from './retry-policy.js'
export type { SharedOptions } from './shared-link.js'
export type { PerAttempt, RequestOptions } from './transport.js'
export type { MappedEvent } from './typed-event.js'
