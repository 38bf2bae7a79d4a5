/** An event as a backplane takes it: encoded already, opaque to it. */
export interface BackplaneMessage {
  /** The event's name. */
  readonly type: string
  /** The event's data: one JSON object on one line. */
  readonly data: string
}
