import type { Connection } from '../delivery/connection.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Sink, SinkListener } from '../sinks/sink.js'
import type { Slot } from './admission.js'
import { Asking, type AskingOptions, clientGone } from './asking.js'
import type { Candidate } from './candidate.js'

/** The response to a request that gets no stream: a sink, which is only listened to. */
export type PlainSink = Pick<Sink, 'queued' | 'closed' | 'attach'>

/**
 * A request on its way to a stream, with its slot and the step that it waits for. Listens to the sink, and passes its
 * events on to the connection once that is open.
 */
export class Admitting extends Asking implements SinkListener {
  /** The position of the last order carried out before authorization began. See `Control`. `undefined` until then. */
  admittedPosition: number | undefined
  /** The disconnects carried out since then. */
  readonly disconnects: ((candidate: Candidate) => boolean)[] = []
  readonly slot: Slot
  /** The connection that it may become. */
  candidate: Connection | undefined
  /** The joins and leaves carried out since then. */
  #moves: ((connection: Connection) => void)[] | undefined
  #connection: Connection | undefined

  constructor(runtime: Runtime, slot: Slot, options: AskingOptions) {
    super(runtime, options)
    this.slot = slot
  }

  addMove(move: (connection: Connection) => void): void {
    if (this.opened) return
    this.#moves ??= []
    this.#moves.push(move)
  }

  /** Joins and leaves of channels on behalf of the application, while the request was being authorized. */
  carryOutMoves(connection: Connection): void {
    for (const move of this.#moves ?? []) move(connection)
    this.#moves = undefined
  }

  /** Listens to the response of a request that gets no stream. @throws `clientGone` if it is over. */
  watch(sink: PlainSink | undefined): void {
    sink?.attach(this)
    if (sink?.closed) throw clientGone
  }

  get opened(): boolean {
    return this.#connection !== undefined
  }

  /** Passes all further events of the sink to the connection. */
  open(connection: Connection): void {
    this.#connection = connection
    this.candidate = undefined
    this.done()
    this.disconnects.length = 0
    this.#moves = undefined
  }

  onDrain(): void {
    this.#connection?.onDrain()
  }

  onClose(): void {
    if (this.#connection) {
      this.#connection.onClose()
      return
    }
    this.breakOff(clientGone)
    this.slot.release()
  }
}
