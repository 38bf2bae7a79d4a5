import {
  type ContractOf,
  type ControlEvent,
  createDecoder,
  defineEvents,
  parseControlEvent,
  type SseMessage,
  type StandardSchemaV1,
} from '@rivulet/core'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../test-support/random.js'
import { MemoryBackplane, type MemoryBackplaneOptions } from '../src/backplane/memory-backplane.js'
import { EventManager } from '../src/event-manager.js'
import { RunManager, type RunManagerOptions } from '../src/runs/run-manager.js'
import type { RunRouteOptions, RunStreamOptions } from '../src/runs/run-route.js'
import type { ErrorContext } from '../src/runtime/report.js'
import { SimulatedClock, SimulatedSink, settle } from './simulation.js'

type Token = { text: string }
export type RunEvents = ContractOf<{ token: StandardSchemaV1<Token, Token> }>
export const runEvents: RunEvents = defineEvents({ token: z.object({ text: z.string() }) })

/** One request to read a run, whose reader takes everything unless told otherwise. */
export interface RunReader {
  readonly sink: SimulatedSink
  readonly messages: readonly SseMessage[]
  /** A short form of what it received: texts, and control events with their names and contents. */
  seen(): string[]
  /** The cursor with which its client comes back. */
  cursor(): string
}

type ReadOptions = Partial<RunRouteOptions> &
  Pick<RunStreamOptions, 'refuseBusyWith'> & { lastEventId?: string; slow?: boolean }

/** A manager with its runs. */
export interface RunNode {
  readonly manager: EventManager<RunEvents>
  readonly runs: RunManager<RunEvents>
  readonly errors: readonly { error: unknown; context: ErrorContext }[]
  read(id: string, options?: ReadOptions): Promise<RunReader>
}

export interface RunNodes {
  readonly clock: SimulatedClock
  readonly backplane: MemoryBackplane
  readonly one: RunNode
  readonly other: RunNode
  createNode(): RunNode
  /** Lets every turn happen that is due, and every reader read. */
  calm(): Promise<void>
  /** Lets time pass in small steps. */
  pass(ms: number, stepMs?: number): Promise<void>
}

/** Nodes on one backplane and one clock, which passes only when told. */
export function createRunNodes(
  options: Partial<RunManagerOptions<RunEvents>> = {},
  kept: MemoryBackplaneOptions = {},
): RunNodes {
  const clock = new SimulatedClock(randomFrom(1))
  const backplane = new MemoryBackplane({ clock, ...kept })
  const sinks: SimulatedSink[] = []

  async function calm(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await settle()
      if (!clock.idle) quiet = 0
      clock.turn()
      for (const sink of sinks) sink.take(Infinity)
    }
  }

  async function pass(ms: number, stepMs = 1_000): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(stepMs, left))
      await calm()
    }
  }

  function createNode(): RunNode {
    const errors: { error: unknown; context: ErrorContext }[] = []
    const onError = (error: unknown, context: ErrorContext) => errors.push({ error, context })
    const manager = new EventManager({ events: runEvents, clock, backplane, onError })
    const runs = new RunManager({ manager, ...options })
    onTestFinished(async () => {
      const closed = runs.close().then(() => manager.close())
      for (let second = 0; second < 6; second++) await pass(1_000)
      await closed
    })

    async function read(id: string, { lastEventId, slow = false, ...route }: ReadOptions = {}): Promise<RunReader> {
      const sink = new SimulatedSink(clock, 10_000)
      const messages: SseMessage[] = []
      const decoder = createDecoder({ lastEventId, onMessage: (message) => messages.push(message) })
      sink.onBytes = (bytes) => sink.status === 200 && decoder.feed(bytes)
      if (!slow) sinks.push(sink)
      void runs.connect({ raw: undefined, lastEventId }, sink, { id: () => id, authorize: () => true, ...route })
      await calm()
      return { sink, messages, seen: () => messages.map(describe), cursor: () => decoder.lastEventId }
    }

    return { manager, runs, errors, read }
  }

  return { clock, backplane, calm, pass, createNode, one: createNode(), other: createNode() }
}

function describe(message: SseMessage): string {
  const control = parseControlEvent(message)
  return control ? describeControl(control) : (JSON.parse(message.data).text ?? message.event)
}

function describeControl(event: ControlEvent): string {
  switch (event.type) {
    case 'rivulet:open':
      return `open ${event.recovered} ${event.replayed}`
    case 'rivulet:gap':
      return `gap ${event.reason}`
    case 'rivulet:channels':
      return 'channels'
    case 'rivulet:live':
      return 'live'
    case 'rivulet:end':
      return event.reason === undefined ? event.state : `${event.state} ${event.reason}`
    case 'rivulet:close':
      return `close ${event.reason} ${event.retry}`
  }
}
