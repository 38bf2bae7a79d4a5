export type { Clock, EventContract } from '@rivulet/core'
export type {
  Backplane,
  BackplaneMessage,
  BackplaneSubscriber,
  LiveMessage,
  PublishOptions,
  PublishResult,
  PublishTransaction,
  ReadResult,
  StoredMessage,
} from './backplane/backplane.js'
export { MemoryBackplane, type MemoryBackplaneOptions } from './backplane/memory-backplane.js'
export { missingUpTo } from './backplane/missing-up-to.js'
export { positionAt, timeAfter } from './backplane/position.js'
export type { BackplaneRegistry, NodeInfo, RegistryChange, RegistryEntry } from './backplane/registry.js'
export { boundsPer, type Retention, type RetentionBounds } from './backplane/retention.js'
export {
  lossNotice,
  type RunCreated,
  type RunCreation,
  type RunEnd,
  type RunEnder,
  type RunRecord,
  type RunStore,
  runChannel,
  runOf,
} from './backplane/run-store.js'
export type { Compression } from './delivery/compression.js'
export type { HeartbeatOptions } from './delivery/heartbeat.js'
export type { CoalescingOptions } from './delivery/pace.js'
export {
  EventManager,
  type EventManagerOptions,
  type ManagerChannel,
  type Published,
} from './event-manager.js'
export type { PresenceOptions } from './nodes/presence.js'
export type { PresenceChange, PresenceMember } from './nodes/presence-notices.js'
export type { StreamSelector } from './nodes/stream-selector.js'
export type { PublishEventOptions } from './publish-options.js'
export { RunEndedError, RunFailure, RunLostError, RunTimeoutError, TooManyRunsError } from './runs/errors.js'
export type { MapItem, Producer, Producing, RunOutput, RunSource } from './runs/producer.js'
export type { RunInfo } from './runs/run-info.js'
export {
  RunManager,
  type RunManagerOptions,
  type StartedRun,
  type StartRunOptions,
} from './runs/run-manager.js'
export type {
  RunAuthorizationOptions,
  RunRouteOptions,
  RunStartRouteOptions,
  RunStreamOptions,
} from './runs/run-route.js'
export type { RunStopOptions, StopAnswer } from './runs/run-stop.js'
export type { Awaitable } from './runtime/awaitable.js'
export type { ConnectionInfo } from './runtime/connection-info.js'
export type { DiagnosticMessages } from './runtime/diagnostics.js'
export {
  BackplaneTimeoutError,
  CallbackTimeoutError,
  ConfigurationError,
  EventSerializationError,
  InvalidChangeError,
  ManagerClosedError,
  TransactionUnsupportedError,
} from './runtime/errors.js'
export type { ServerGapReason } from './runtime/gap-reason.js'
export type { CallbackOptions } from './runtime/guard.js'
export type { ErrorContext, ErrorHandler } from './runtime/report.js'
export type { BackplaneStats, ManagerStats } from './runtime/stats.js'
export type { Payload } from './sinks/payload.js'
export type { Refusal, Sink, SinkListener } from './sinks/sink.js'
export type { Limits } from './streams/admission.js'
export type { ChannelMembersAnswer, ChannelMembersOptions, ChannelMembersRequest } from './streams/channel-members.js'
export type { EventHistoryAnswer, EventHistoryOptions, EventHistoryRequest } from './streams/event-history.js'
export type { StreamRequest } from './streams/reception.js'
export type { StreamControlAnswer, StreamControlRequest } from './streams/stream-control.js'
export type {
  Admission,
  Authorization,
  ChannelsOptions,
  EventStreamOptions,
  Snapshot,
  SnapshotEvent,
  SnapshotOptions,
} from './streams/stream-options.js'
