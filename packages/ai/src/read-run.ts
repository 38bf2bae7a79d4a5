import { type EventStreamService, StreamClosedByServerError } from '@rivulet/client'
import { type EndEvent, type EventContract, type EventOf, type GapEvent, UnknownEventError } from '@rivulet/core'

/** An item of a run, in order. `live` follows the history; nothing follows `end`, `gap` and `lost`. */
export type RunItem<Event> =
  | { readonly event: Event }
  | { readonly live: true }
  | { readonly gap: GapEvent }
  | { readonly end: EndEvent | undefined }

/**
 * Reads a run through a stream that is not yet connected. Leaving the loop closes the stream. A slow loop slows the server
 * down instead of filling the memory.
 *
 * @throws The error that closed the stream, or that of an invalid event.
 */
export async function* readRun<Contract extends EventContract>(
  stream: EventStreamService<Contract>,
): AsyncGenerator<RunItem<EventOf<Contract>>, void> {
  let received = 0
  let read = 0
  /** Notes of the stream, each with the number of events before it. */
  const notes: { readonly after: number; readonly item: RunItem<EventOf<Contract>> }[] = []
  let noted = () => {}
  const note = (item: RunItem<EventOf<Contract>>) => {
    notes.push({ after: received, item })
    noted()
  }
  let failure: { readonly error: unknown } | undefined
  const stops = [
    stream.onAny(() => {
      received++
    }),
    stream.onGap((gap) => note({ gap })),
    stream.onLive(() => note({ live: true })),
    stream.onError((error, { stage }) => {
      if (!(stage === 'connection' ? isShutdown(error) : isInvalid(error))) return
      failure ??= { error }
      stream.close()
    }),
  ]
  const events = stream.events(undefined, { resume: false })
  let next = events.next()
  try {
    for (;;) {
      const due = notes[0]
      if (due && due.after <= read) {
        notes.shift()
        yield due.item
        if ('gap' in due.item) return
        continue
      }
      const waiting = new Promise<undefined>((resolve) => {
        noted = () => resolve(undefined)
      })
      const result = await Promise.race([next, waiting])
      if (!result) continue
      if (result.done) break
      next = events.next()
      read++
      yield { event: result.value }
    }
    if (failure) throw failure.error
    yield { end: stream.state.ended }
  } finally {
    for (const stop of stops) stop()
    // The loop may fail while nobody waits for its next event.
    next.catch(() => {})
    stream.close()
  }
}

/** The process shuts down, so the run is read on elsewhere. */
function isShutdown(error: unknown): boolean {
  return error instanceof StreamClosedByServerError && error.reason === 'shutdown'
}

/** The run may have events of other contracts, which are not read here. */
function isInvalid(error: unknown): boolean {
  return !(error instanceof UnknownEventError)
}
