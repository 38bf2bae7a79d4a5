/** An encoded event, opaque to the backplane. */
export interface BackplaneMessage {
  /** The event's name. */
  readonly type: string
  /** The event's data: a JSON object on one line. */
  readonly data: string
}
