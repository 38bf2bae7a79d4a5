import type { EventContract, EventDefinition, EventType, PayloadOf } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import { ConfigurationError } from '../runtime/errors.js'
import { isThenable, tell } from '../runtime/guard.js'
import type { SnapshotEvent } from '../streams/stream-options.js'

/** An event of the contract, as an iterable or a stream yields it. */
export type RunOutput<Contract extends EventContract> = SnapshotEvent<Contract>

/** A source of items over time: an async iterable or a web stream. */
export type RunSource<Item> = AsyncIterable<Item> | ReadableStream<Item>

/** The tools of a producer. */
export interface Producing<Contract extends EventContract> {
  /** The run's id. */
  readonly id: string
  /** Aborts when the run is over: it was stopped, took too long, lost its lease, or this process shuts down. */
  readonly signal: AbortSignal
  /**
   * Validates an event and appends it to the run. Resolves when the event is kept. Await each call: pending events take
   * memory.
   *
   * Retries while the backplane is unreachable, as long as the lease holds.
   *
   * @throws {RunEndedError} or {RunLostError} when the run is over; {UnknownEventError} {EventValidationError}
   *   {ReservedKeyError} {EventSerializationError} {ConfigurationError}, or the error of the backplane. Nothing was kept
   *   then.
   */
  publish<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options?: { source?: string; timestamp?: number },
  ): Promise<void>
}

/**
 * Produces the output of a run: a function that publishes it, a function that returns items (for example an async generator),
 * or the items themselves. The run is `done` when the function has resolved and the items have ended.
 */
export type Producer<Contract extends EventContract, Item = RunOutput<Contract>> =
  | RunSource<Item>
  | ((producing: Producing<Contract>) => Awaitable<RunSource<Item>>)
  | ((producing: Producing<Contract>) => Awaitable<void>)

/** Turns an item into one event, several or none (`undefined`). Without it, items must be events, `{ type, payload }`. */
export type MapItem<Contract extends EventContract, Item> = (
  item: Item,
) => Awaitable<RunOutput<Contract> | readonly RunOutput<Contract>[] | undefined>

/** Runs a producer to its end. Rejects with the producer's error. */
export async function produce<Contract extends EventContract, Item>(
  producer: Producer<Contract, Item>,
  map: MapItem<Contract, Item> | undefined,
  producing: Producing<Contract>,
): Promise<void> {
  let made: unknown = typeof producer === 'function' ? producer(producing) : producer
  if (isThenable(made)) made = await made
  if (isSource(made)) await relay(made as RunSource<Item>, producing.signal, publisher(producing, map))
}

function publisher<Contract extends EventContract, Item>(
  { publish }: Producing<Contract>,
  map: MapItem<Contract, Item> | undefined,
): (item: Item) => Promise<void> {
  return async (item) => {
    const made: unknown = map ? await map(item) : item
    for (const output of Array.isArray(made) ? made : [made]) {
      if (map && output === undefined) continue
      if (typeof output !== 'object' || output === null || !('type' in output)) {
        const fix = 'Yield events, { type, payload }, or pass a map that turns items into events.'
        throw new ConfigurationError(map ? 'map()' : 'producer', output, fix)
      }
      await publish(output.type, output.payload)
    }
  }
}

/** Recognizes a source of items. */
export function isSource(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as ReadableStream).getReader === 'function' || Symbol.asyncIterator in value
}

async function relay<Item>(
  source: RunSource<Item>,
  signal: AbortSignal,
  onItem: (item: Item) => Promise<void>,
): Promise<void> {
  const { next, leave } = 'getReader' in source ? readStream(source) : iterate(source)
  // It may wait for an item that never comes.
  const onAbort = () => tell(leave, () => {})
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) throw signal.reason
    for (let item = await next(); !item.done; item = await next()) await onItem(item.value)
  } catch (error) {
    onAbort()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface Reading<Item> {
  next(): Promise<{ done: boolean; value: Item }>
  /** Nobody wants more of it. */
  leave(): unknown
}

function readStream<Item>(stream: ReadableStream<Item>): Reading<Item> {
  const reader = stream.getReader()
  return { next: () => reader.read() as Promise<{ done: boolean; value: Item }>, leave: () => reader.cancel() }
}

function iterate<Item>(items: AsyncIterable<Item>): Reading<Item> {
  const iterator = items[Symbol.asyncIterator]()
  return {
    next: () => iterator.next() as Promise<{ done: boolean; value: Item }>,
    leave: () => iterator.return?.(),
  }
}
