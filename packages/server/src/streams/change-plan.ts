import type { Backplane } from '../backplane/backplane.js'
import { parsePosition } from '../backplane/position.js'
import type { CatchUpStart } from '../delivery/catch-up.js'
import type { Cohort } from '../delivery/cohort.js'
import { readChannels } from '../delivery/read-channels.js'
import type { Asking } from './asking.js'
import { announce, type Gap, horizonOf, type Join, type Replay, replayStarts } from './join.js'
import type { TakeSnapshot } from './snapshot.js'

// Decides where the history of the channels begins that are added to a stream.

export interface ChangePlanRequest {
  /** At least one. */
  readonly added: readonly string[]
  /** Cursors of the client on added channels, unparsed. */
  readonly after: ReadonlyMap<string, string>
  readonly replay: Replay
  readonly snapshot: TakeSnapshot | undefined
  readonly change: number | undefined
  /** Runs the steps of the backplane. */
  readonly asking: Pick<Asking, 'read'>
}

/** The history of added channels. */
export interface ChangePlan extends Pick<Join, 'prologue' | 'gaps'> {
  /**
   * Makes the start of the catch-up.
   *
   * @param kept The other channels, of which the connection has everything up to the position.
   */
  startAt(position: number, kept: ReadonlySet<string>): CatchUpStart
}

/**
 * Reads where the history of added channels begins. MUST be called while a cohort that has them keeps its frames: every event
 * is then either in the log at the first read, or in the cohort's queue from its present end on.
 */
export async function planChange(
  backplane: Backplane,
  cohort: Cohort,
  { added, after, replay, snapshot, change, asking }: ChangePlanRequest,
): Promise<ChangePlan> {
  const ordinal = cohort.queue.end
  const { channels } = cohort
  const cursors = new Map<string, number>()
  for (const channel of added) {
    const cursor = parsePosition(after.get(channel) ?? '')
    if (cursor !== undefined) cursors.set(channel, cursor)
  }
  const limit = cursors.size > 0 ? 1 : 0
  const first = await asking.read(() =>
    readChannels(backplane, channels, (channel) => cursors.get(channel) ?? 0, limit),
  )
  const { bridge, clock, now } = horizonOf(first)
  const results = new Map(channels.map((channel, index) => [channel, first[index]!]))
  const starts = new Map<string, number>()
  for (const [channel, cursor] of cursors) {
    // A position in the future is not ours: new events up to it would count as known.
    if (cursor > Math.max(bridge, clock)) cursors.delete(channel)
    // A gap after the cursor is announced by the catch-up.
    else if (results.get(channel)!.continuous || !snapshot) starts.set(channel, cursor)
  }
  const fresh = added.filter((channel) => !starts.has(channel))
  let text = ''
  let cursor = now
  if (snapshot && fresh.length > 0) {
    // Events of the other channels up to the cursor may still be on their way here.
    const taken = await snapshot({ position: bridge, cursor: now, marked: false }, fresh)
    for (const channel of fresh) {
      starts.set(channel, taken.start)
      // A client drops events up to its own cursor, unless the ids count from the start again.
      if (taken.cursor <= (cursors.get(channel) ?? 0)) cursors.delete(channel)
    }
    text = taken.text
    cursor = Math.max(cursor, taken.cursor)
  } else {
    const replayed = await replayStarts(backplane, fresh, replay, asking)
    for (const channel of fresh) starts.set(channel, replayed?.get(channel) ?? bridge)
  }
  const { prologue, gaps } = announce(
    fresh
      .filter((channel) => after.get(channel))
      .map((channel): Gap => {
        const { reason = 'trimmed' } = results.get(channel)!
        return { type: 'rivulet:gap', channel, reason: cursors.has(channel) ? reason : 'restarted' }
      }),
  )
  // A snapshot may reach beyond the first read. All that it includes is in the log.
  const end = Math.max(bridge, ...starts.values())
  return {
    prologue: prologue + text,
    gaps,
    startAt(position, kept) {
      // Events of the kept channels may still be on their way here. Otherwise they need not be read.
      const complete = [...kept].every((channel) => results.get(channel)!.lastPosition <= position)
      const had = complete ? Math.max(position, end) : position
      return {
        ordinal,
        position: Math.min(had, ...starts.values()),
        bridge: end,
        floors: new Map(starts),
        earlier: { channels: kept, position: had, ordinal: cohort.queue.end },
        live: { change, cursor },
      }
    },
  }
}
