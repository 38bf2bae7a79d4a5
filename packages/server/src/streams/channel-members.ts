import type { EventContract } from '@rivulet/core'
import type { PlainAnswer } from '../sinks/plain-answer.js'
import { Refused } from './admission.js'
import { answerReading, type ReadingRequest } from './reading.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Answers requests for the members of a channel.

/** A request for the members of a channel, from any HTTP server. */
export interface ChannelMembersRequest<Request> extends ReadingRequest<Request> {}

/** The options of a stream's route, of which `authorize` and `channels` count. */
export interface ChannelMembersOptions<
  Request = unknown,
  Context = unknown,
  Contract extends EventContract = EventContract,
> extends EventStreamOptions<Request, Context, Contract> {}

/** The answer to a request for the members of a channel, for any HTTP implementation. */
export interface ChannelMembersAnswer extends PlainAnswer {
  /** 200, 400 unless one channel is asked for, 403 for one that the route does not give, or the status of a refusal. */
  readonly status: number
  /** With 200, `{ members: PresenceMember[] }` as JSON. */
  readonly body: string
}

/** Answers a request for the members of a channel. Never rejects. */
export function answerMembers<Request, Context>(
  streams: Streams,
  request: ChannelMembersRequest<Request>,
  options: ChannelMembersOptions<Request, Context>,
): Promise<ChannelMembersAnswer> {
  return answerReading(streams, request, options, async ({ admitting, channels }) => {
    const [channel, ...others] = channels
    if (others.length > 0) throw new Refused({ status: 400, message: 'Ask for one channel: ?channel=…' })
    const members = await admitting.read(() => streams.presence.members(channel!))
    return JSON.stringify({ members })
  })
}
