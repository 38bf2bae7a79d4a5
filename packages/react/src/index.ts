export {
  type ChannelMember,
  type EventsView,
  type HistoryOption,
  type HistoryOptions,
  type IndicatorLabels,
  MissingStreamError,
  type OlderEvents,
  type PresenceOptions,
  type PresenceView,
  type RunAddress,
  type RunEventsOptions,
  type RunOptions,
  type RunReduceOptions,
  type RunState,
  type RunView,
  type SelectOptions,
} from '@rivulet/client/binding'
export {
  SSEConnectionIndicator,
  type SSEConnectionIndicatorProps,
} from './sse-connection-indicator.js'
export { type GivenStreamProps, type OwnStreamProps, SSEProvider, type SSEProviderProps } from './sse-provider.js'
export { type ConnectionStatusResult, useConnectionStatus } from './use-connection-status.js'
export { type EventHistoryOptions, useEventHistory } from './use-event-history.js'
export { useEventReducer } from './use-event-reducer.js'
export { useEventStream } from './use-event-stream.js'
export type { CollectOptions } from './use-fold.js'
export { useGap } from './use-gap.js'
export { usePresence } from './use-presence.js'
export { type RunResult, useRun } from './use-run.js'
export { type ServerEventOptions, useServerEvent } from './use-server-event.js'
export { type ServerEventsOptions, useServerEvents } from './use-server-events.js'
