/**
 * Stores for frameworks without a binding of their own: Svelte, Solid, Angular, Preact and plain pages.
 *
 * @see The guide "Svelte, Solid, Angular, Preact".
 */
export type { EventsView } from '../binding/events-view.js'
export type { SelectOptions } from '../binding/selection.js'
export type { Store, StoreObserver, Unsubscribe } from './store.js'
export {
  type CollectStoreOptions,
  type EventsStoreOptions,
  StreamStores,
  type StreamStoresOptions,
} from './stream-stores.js'
