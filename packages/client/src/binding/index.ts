/**
 * What a framework's binding needs of a stream beside the service itself. For `@rivulet/react`, `@rivulet/vue` and bindings
 * like them, not for applications.
 */
export { Feed } from './feed.js'
export { idleState } from './idle-state.js'
export { defaultLabels, type IndicatorLabels } from './indicator-labels.js'
export { cancelFrame, nextFrame } from './next-frame.js'
export { createProviderStream, followHeaders, isStreamOf, type ProviderStream } from './provider-stream.js'
