export type { EventContract } from '@rivulet/core'
export type { Limits } from './admission.js'
export type { Awaitable } from './awaitable.js'
export type {
  Backplane,
  BackplaneMessage,
  BackplaneStats,
  BackplaneSubscriber,
  LiveMessage,
  PublishOptions,
  PublishResult,
  ReadResult,
  StoredMessage,
} from './backplane.js'
export type { Clock } from './clock.js'
export type { ConnectionInfo } from './connection.js'
export type { DiagnosticMessages } from './diagnostics.js'
export { CallbackTimeoutError, ConfigurationError, EventSerializationError, ManagerClosedError } from './errors.js'
export {
  EventManager,
  type EventManagerOptions,
  type ManagerChannel,
  type Published,
} from './event-manager.js'
export type { ServerGapReason } from './frame.js'
export type { CallbackOptions } from './guard.js'
export type { HeartbeatOptions } from './heartbeat.js'
export { MemoryBackplane, type MemoryBackplaneOptions } from './memory-backplane.js'
export type { Payload } from './payload.js'
export type { PresenceOptions } from './presence.js'
export type { PresenceChange, PresenceMember } from './presence-notices.js'
export type { PublishEventOptions } from './publish-options.js'
export type { StreamRequest } from './reception.js'
export type { BackplaneRegistry, NodeInfo, RegistryChange, RegistryEntry } from './registry.js'
export type { ErrorContext, ErrorHandler } from './report.js'
export type { Retention, RetentionBounds } from './retention.js'
export {
  type RunCreated,
  type RunCreation,
  type RunEnd,
  type RunEnder,
  type RunRecord,
  type RunStore,
  runChannel,
  runOf,
} from './runs/run-store.js'
export type { Refusal, Sink, SinkListener } from './sink.js'
export type { ManagerStats } from './stats.js'
export type {
  Admission,
  Authorization,
  Denial,
  EventStreamOptions,
  Snapshot,
  SnapshotEvent,
} from './stream-options.js'
export type { StreamSelector } from './stream-selector.js'
