import type { ReadResult } from '../backplane/backplane.js'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { RunRecord } from '../backplane/run-store.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import { readChannels } from '../delivery/read-channels.js'
import { Refused } from '../streams/admission.js'
import { announce, type Join, type JoinRequest, readAhead, restarted } from '../streams/join.js'

/**
 * Finds where a reader of a run begins: at its cursor, or at the beginning of the run. Whatever is missing after that is told
 * as a gap at its place.
 *
 * @throws {Refused} with 204 when the reader has all of it.
 */
export async function planRunJoin(
  runtime: DeliveryRuntime,
  request: JoinRequest,
  { beginning, end }: Pick<RunRecord, 'beginning' | 'end'>,
): Promise<Join> {
  const { backplane } = runtime
  const { channels, lastEventId } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  const read = async (after: number): Promise<ReadResult> => {
    const [result] = await request.admitting.read(() => readChannels(backplane, channels, () => after))
    return result!
  }
  let first = await read(Math.max(cursor ?? 0, beginning))
  const { storedPosition: bridge, clock } = first
  // One from before this run may be of an earlier run with its id; one from the future is not ours.
  const known = cursor !== undefined && cursor >= beginning && cursor <= Math.max(bridge, clock)
  if (known && end !== undefined && cursor >= end) throw new Refused({ status: 204 })
  const position = known ? cursor : beginning
  if (!known && cursor !== undefined && cursor > beginning) first = await read(beginning)
  const { replayed, pages, verdicts } = await readAhead(runtime, request, { position, bridge, first: [first] })
  const start = { position, bridge, pages, verdicts, live: {} }
  if (known) return { recovered: first.continuous, replayed, cursor: undefined, ...announce([]), start }
  const announced = announce(lastEventId ? [restarted] : [])
  return { recovered: lastEventId ? false : null, replayed, cursor: formatPosition(beginning), ...announced, start }
}
