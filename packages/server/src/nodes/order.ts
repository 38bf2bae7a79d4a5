import type { StreamSelector } from './stream-selector.js'

/** An order to all nodes about the streams that a selector matches. */
export type Order =
  | { readonly type: 'disconnect'; readonly selector: StreamSelector; readonly reason: string }
  | { readonly type: 'join' | 'leave'; readonly selector: StreamSelector; readonly channel: string }

/** An order on its way. */
export type SentOrder = Order & {
  readonly id: string
  /** The position of its first publish; `undefined` in that first publish itself. */
  readonly position?: number | undefined
}
