/**
 * What a framework's binding needs of a stream beside the service itself. For `@rivulet/react`, `@rivulet/vue` and bindings
 * like them, not for applications.
 */
export { observeCountdown, secondsUntil } from './countdown.js'
export { Feed, type FeedSubscriber } from './feed.js'
export { type Fold, FoldStore, listOf } from './fold-store.js'
export { idleState } from './idle-state.js'
export {
  defaultLabels,
  type IndicatorLabels,
  type IndicatorState,
  type IndicatorView,
  viewIndicator,
} from './indicator.js'
export { Latest, lastOf } from './latest.js'
export { cancelFrame, flushFrame, nextFrame } from './next-frame.js'
export { isOnline, observeOnline } from './online.js'
export { ProviderStream } from './provider-stream.js'
export { type Reducer, Reduction } from './reduction.js'
export { snapshotOf } from './same-value.js'
