import { EventStreamService } from '@rivulet/client'
import type { EventContract } from '@rivulet/core'
import type { RunManager } from '@rivulet/server'
import { runStreamResponse } from '@rivulet/server/web'

/** No bound: the events of the store are in memory already. */
const maxEventBytes = Infinity

/** A stream of a run of this process, or of the nodes beside it: the client, without a network in between. */
export function localStream<Contract extends EventContract, Served extends EventContract>(
  runs: RunManager<Served>,
  id: string,
  events: Contract,
): EventStreamService<Contract> {
  const answer = (input: string | URL | Request, init?: RequestInit) =>
    runStreamResponse(runs, new Request(input, init), { id: () => id, authorize: () => true })
  return new EventStreamService({ url: 'http://run.invalid/', events, fetch: answer, maxEventBytes })
}
