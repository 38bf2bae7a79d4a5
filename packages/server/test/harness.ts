import { createDecoder, type EventContract, type SseMessage } from '@rivulet/core'
import { onTestFinished } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { EventManager, type EventManagerOptions } from '../src/event-manager.js'
import type { EventStreamOptions } from '../src/streams/stream-options.js'
import { SimulatedClock, SimulatedSink, settle } from './simulation.js'

/** A connection whose reader takes everything unless told otherwise. */
export interface TestConnection {
  readonly sink: SimulatedSink
  readonly messages: SseMessage[]
  readonly comments: string[]
  readonly retries: number[]
  /** The headers of a refusal. */
  readonly headers: Record<string, string> | undefined
}

export interface Harness<Contract extends EventContract> {
  readonly manager: EventManager<Contract>
  readonly clock: SimulatedClock
  readonly errors: { error: unknown; context: unknown }[]
  connect(
    options?: EventStreamOptions<unknown, unknown, Contract>,
    lastEventId?: string,
    requested?: readonly string[],
    acceptEncoding?: string,
  ): Promise<TestConnection>
  /** Runs all turns that are due, and lets every reader read, until nothing moves. */
  calm(): Promise<void>
}

/** Creates a manager with simulated time and connections. Give each manager on a shared backplane a seed of its own. */
export function createHarness<Contract extends EventContract>(
  options: EventManagerOptions<Contract>,
  seed = 1,
): Harness<Contract> {
  const clock = new SimulatedClock(randomFrom(seed))
  const errors: { error: unknown; context: unknown }[] = []
  const manager = new EventManager({ clock, onError: (error, context) => errors.push({ error, context }), ...options })
  const sinks: SimulatedSink[] = []
  async function calm(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await settle()
      if (!clock.idle) quiet = 0
      clock.turn()
      for (const sink of sinks) sink.take(Infinity)
    }
  }
  onTestFinished(async () => {
    const closed = manager.close()
    await calm()
    clock.advance(10_000)
    await calm()
    await closed
  })
  return {
    manager,
    clock,
    errors,
    calm,
    async connect(streamOptions = {}, lastEventId, requested, acceptEncoding) {
      const sink = new SimulatedSink(clock, 10_000)
      const messages: SseMessage[] = []
      const comments: string[] = []
      const retries: number[] = []
      const decoder = createDecoder({
        onMessage: (message) => messages.push(message),
        onComment: (comment) => comments.push(comment),
        onRetry: (ms) => retries.push(ms),
      })
      sink.onBytes = (bytes) => decoder.feed(bytes)
      sinks.push(sink)
      void manager.connect({ raw: undefined, lastEventId, requested, acceptEncoding }, sink, streamOptions)
      await calm()
      return {
        sink,
        messages,
        comments,
        retries,
        get headers() {
          return sink.headers
        },
      }
    },
  }
}
