import type { Clock } from '@rivulet/core'
import type { Cohort } from '../delivery/cohort.js'
import type { Join, JoinRequest } from './join.js'

interface SharedJoin {
  readonly cohort: Cohort
  /** The end of the cohort's queue when the beginning was determined. */
  readonly ordinal: number
  readonly join: Join
}

/** The number of beginnings that are remembered. More differ only while clients resume at different events. */
const maxJoins = 64
/** The time in milliseconds for which they are remembered if no other node can forget a channel meanwhile. */
const aloneMs = 20

/**
 * The latest beginnings of streams. Streams with the same channels, cursor and replay share one, so that a crowd that joins
 * together reads the log once.
 *
 * A beginning stays right for as long as nothing follows it: every later event is in the cohort's queue. Beside other nodes
 * it is remembered for a turn of the event loop only.
 */
export class SharedJoins {
  readonly #clock: Clock
  readonly #alone: boolean
  readonly #joins = new Map<string, SharedJoin>()
  /** The number of times that they were cleared. */
  round = 0

  /** @param alone No other node can have the backplane. */
  constructor(clock: Clock, alone: boolean) {
    this.#clock = clock
    this.#alone = alone
  }

  /** The beginning of a stream like this one. `undefined` if there is none, or the channels had an event since. */
  find(cohort: Cohort, request: JoinRequest): Join | undefined {
    const shared = this.#joins.get(keyOf(cohort, request))
    return shared?.cohort === cohort && shared.ordinal === cohort.queue.end ? shared.join : undefined
  }

  /** @param begun The `round`, and the end of the cohort's queue, before the beginning was determined. */
  remember(
    cohort: Cohort,
    request: JoinRequest,
    { ordinal, round }: { readonly ordinal: number; readonly round: number },
    join: Join,
  ): void {
    // A channel may have been forgotten meanwhile.
    if (round !== this.round) return
    if (cohort.queue.end !== ordinal || this.#joins.size >= maxJoins) return
    if (this.#joins.size === 0) this.#forgetLater()
    this.#joins.set(keyOf(cohort, request), { cohort, ordinal, join })
  }

  #forgetLater(): void {
    if (this.#alone) this.#clock.setTimeout(this.clear, aloneMs)
    else this.#clock.defer(this.clear)
  }

  readonly clear = (): void => {
    this.round++
    this.#joins.clear()
  }
}

function keyOf({ key }: Cohort, { replay, lastEventId }: JoinRequest): string {
  return `${JSON.stringify(replay)} ${lastEventId ?? ''} ${key}`
}
