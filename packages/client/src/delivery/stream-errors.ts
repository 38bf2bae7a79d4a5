import type { ErrorStage, StreamErrorContext } from '../runtime/report-to.js'
import { HandlerList, type SubscribeOptions } from './handler-list.js'

/** Passes the errors of a stream to its `onError` listeners. */
export class StreamErrors {
  readonly #listeners = new HandlerList<[unknown, StreamErrorContext]>()

  add(listener: (error: unknown, context: StreamErrorContext) => unknown, options?: SubscribeOptions): () => void {
    return this.#listeners.add(([error, context]) => listener(error, context), options)
  }

  /** Reports an error. Without a listener it goes to the console, unless the application can see it in another place. */
  readonly report = (error: unknown, stage: ErrorStage = 'handler', isVisible = false): void => {
    if (!isVisible && this.#listeners.size === 0) log(error)
    // The error of a failing listener goes to the console, because the listener would fail again.
    this.#listeners.emit([error, { stage }], log)
  }
}

function log(error: unknown): void {
  try {
    console.error(error)
  } catch {
    // The console calls getters of the error, which may throw.
  }
}
