/**
 * Parts of a framework's binding: `@rivulet/react` and `@rivulet/vue` consist of them, and your own binding can too.
 * Applications do not need them.
 *
 * @see The guide "Build a binding".
 */
export {
  type ChannelMember,
  ChannelMembers,
  initialPresence,
  type MemberOf,
  type PresenceOptions,
  type PresenceView,
} from './channel-members.js'
export { observeCountdown, secondsUntil } from './countdown.js'
export {
  EventHistory,
  type HistoryOption,
  type HistoryOptions,
  type OlderEvents,
} from './event-history.js'
export { type EventsView, viewEvents } from './events-view.js'
export { type Fold, type FoldSource, FoldStore, isOn, listOf } from './fold-store.js'
export { type CountedResult, FoldView, type FoldViewOptions } from './fold-view.js'
export { idleState } from './idle-state.js'
export {
  defaultLabels,
  type IndicatorLabels,
  type IndicatorState,
  type IndicatorView,
  viewIndicator,
} from './indicator.js'
export { type AnyEventStream, keepConnected } from './keep-connected.js'
export { Latest, lastOf, latestEvents } from './latest.js'
export { MissingStreamError } from './missing-stream-error.js'
export { cancelFrame, flushFrame, nextFrame } from './next-frame.js'
export { isOnline, observeOnline } from './online.js'
export { ProviderStream } from './provider-stream.js'
export { type Reducer, Reduction, reducedState } from './reduction.js'
export {
  type RunAddress,
  RunBinding,
  type RunEventsOptions,
  type RunOptions,
  type RunReduceOptions,
  type RunState,
  type RunView,
} from './run-binding.js'
export { snapshotOf } from './same-value.js'
export { Selection, type SelectOptions } from './selection.js'
export type { FoldRecipe } from './shared-folds.js'
export { type FrameSubscriber, StreamBinding } from './stream-binding.js'
