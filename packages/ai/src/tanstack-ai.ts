import {
  ConfigurationError,
  type ContractOf,
  defineEvents,
  type EventContract,
  type StandardSchemaV1,
} from '@rivulet/core'
import { type Producing, RunEndedError, RunFailure, type RunInfo, type RunManager } from '@rivulet/server'
import type { StreamChunk, StreamDurability } from '@tanstack/ai'
import { RunNotFoundError, RunTakenError } from './errors.js'
import { localStream } from './local-stream.js'
import { readRun } from './read-run.js'
import { isRecord, schemaOf } from './schema.js'

export { RunNotFoundError, RunTakenError } from './errors.js'

/** The payload of `tanstack_ai_chunk`. */
export interface TanStackChunkPayload {
  /** Counts the chunks of a run from 0. */
  readonly index: number
  readonly chunk: StreamChunk
}

export type TanStackEvents = ContractOf<{
  tanstack_ai_chunk: StandardSchemaV1<TanStackChunkPayload, TanStackChunkPayload>
}>

/** The event that carries the chunks of TanStack AI. Spread it into the contract of your manager. */
export const tanStackEvents: TanStackEvents = defineEvents({
  tanstack_ai_chunk: schemaOf<TanStackChunkPayload>(
    ({ index, chunk }) => typeof index === 'number' && isRecord(chunk) && typeof chunk.type === 'string',
    'Give { index, chunk }.',
  ),
}) as TanStackEvents

type WithTanStack = EventContract & TanStackEvents

/** Names a run without a request: its id, and the offset after which to resume; `null` for a producer. */
export interface RunSelection {
  readonly runId: string
  readonly offset?: string | null
}

export interface RunDurabilityOptions {
  /** The owner of the run: the user of the request. Runs of other owners do not exist for this adapter. */
  key?: string
  /** The controller that you pass to `chat()` and `toServerSentEventsResponse`. Stopping the run on any node aborts it. */
  abortController?: AbortController
}

/**
 * Keeps the stream of a TanStack AI answer as a run: readers resume it on any node of the backplane, `runs.stop(runId)`
 * stops it, and the death of its node ends it as `producer lost` instead of leaving its readers waiting.
 *
 * Takes the run from `X-Run-Id` or `?runId`, and the offset from `Last-Event-ID` or `?offset`. If a run ends without
 * `RUN_FINISHED` or `RUN_ERROR`, its readers get a `RUN_ERROR` as the last chunk.
 *
 * @throws {ConfigurationError} if the offset is not one of this adapter.
 *
 * @example
 * const abortController = new AbortController()
 * const adapter = runDurability(runs, request, { key: user.id, abortController })
 * return toServerSentEventsResponse(chat({ adapter: model, messages, abortController }), { abortController, durability: {
 * adapter } })
 */
export function runDurability(
  runs: RunManager<WithTanStack>,
  source: Request | RunSelection,
  options: RunDurabilityOptions = {},
): StreamDurability {
  const offset = source instanceof Request ? offsetOf(source) : (source.offset ?? null)
  const id = runIdOf(source, offset)
  const log = new RunLog(runs, id, options)
  return {
    resumeFrom: () => offset,
    append: (chunks) => log.append(chunks),
    close: () => log.close(),
    read: (after, signal) => log.read(after, signal),
    snapshot: () => log.snapshot(),
  }
}

function offsetOf({ headers, url }: Request): string | null {
  return headers.get('last-event-id') || new URL(url).searchParams.get('offset')
}

function runIdOf(source: Request | RunSelection, offset: string | null): string {
  if (!(source instanceof Request)) return source.runId
  if (offset !== null && !isPlace(offset)) return parseOffset(offset).id
  const asked = source.headers.get('x-run-id') || new URL(source.url).searchParams.get('runId')
  return asked || crypto.randomUUID()
}

/** The places that TanStack AI names itself: the beginning, and the present. */
function isPlace(offset: string): boolean {
  return offset === '-1' || offset === 'now'
}

/** Index behind every chunk: that of the end that readers get if the producer sent none. */
const endIndex = Number.MAX_SAFE_INTEGER

function formatOffset(id: string, index: number): string {
  return `${index}.${encodeURIComponent(id)}`
}

function parseOffset(offset: string): { id: string; index: number } {
  const parts = /^(\d{1,16})\.(.+)$/.exec(offset)
  try {
    if (parts) return { index: Number(parts[1]), id: decodeURIComponent(parts[2]!) }
  } catch {
    // The id is not encoded.
  }
  throw new ConfigurationError('offset', offset, 'Pass an offset that came with a chunk of this run, or -1.')
}

interface Stored {
  offset: string
  chunk: StreamChunk
}

class RunLog {
  readonly #runs: RunManager<WithTanStack>
  readonly #id: string
  readonly #options: RunDurabilityOptions
  #producer: Promise<Production> | undefined
  #next = 0
  #last: StreamChunk | undefined

  constructor(runs: RunManager<WithTanStack>, id: string, options: RunDurabilityOptions) {
    this.#runs = runs
    this.#id = id
    this.#options = options
  }

  /** @throws {RunTakenError} if the run has another producer, or had one. */
  async append(chunks: readonly StreamChunk[]): Promise<string[]> {
    const first = this.#next
    this.#next += chunks.length
    const { publish } = await this.#produce()
    const offsets = chunks.map((_, place) => formatOffset(this.#id, first + place))
    try {
      await Promise.all(chunks.map((chunk, place) => publish('tanstack_ai_chunk', { index: first + place, chunk })))
    } catch (error) {
      // TanStack AI reports a stopped run after its end. Its readers know already.
      if (!(error instanceof RunEndedError) || chunks.some(({ type }) => type !== 'RUN_ERROR')) throw error
    }
    this.#last = chunks.at(-1) ?? this.#last
    return offsets
  }

  async close(): Promise<void> {
    const production = await this.#produce()
    const last = this.#last
    const { signal } = production
    if (this.#options.abortController?.signal.aborted && !signal.aborted) await this.#runs.stop(this.#id, 'aborted')
    production.end(last?.type === 'RUN_ERROR' ? new RunFailure(last.message) : undefined)
    await production.finished
  }

  #produce(): Promise<Production> {
    this.#producer ??= startProduction(this.#runs, this.#id, this.#options)
    return this.#producer
  }

  async *read(offset: string, signal?: AbortSignal): AsyncGenerator<Stored, void> {
    let after = -1
    if (offset === 'now') after = (await this.#stored()).at(-1)?.index ?? -1
    else if (offset !== '-1') after = this.#indexOf(offset)
    if (!(await this.#find())) throw new RunNotFoundError(this.#id)
    if (after === endIndex) return
    let last: StreamChunk | undefined
    for await (const item of this.#items(signal)) {
      if ('event' in item) {
        const { index, chunk } = item.event
        last = chunk
        if (index > after) yield { offset: formatOffset(this.#id, index), chunk }
      } else if ('gap' in item) {
        yield this.#end('Part of the answer is no longer available.')
      } else if ('end' in item && item.end && item.end.state !== 'done' && last?.type !== 'RUN_ERROR') {
        const stopped = item.end.state === 'stopped'
        yield this.#end(item.end.reason ?? item.end.state, stopped ? 'aborted' : undefined)
      }
    }
  }

  async snapshot(): Promise<Stored[]> {
    return (await this.#stored()).map(({ index, chunk }) => ({ offset: formatOffset(this.#id, index), chunk }))
  }

  async #stored(): Promise<TanStackChunkPayload[]> {
    const stored: TanStackChunkPayload[] = []
    if (!(await this.#find())) return stored
    for await (const item of this.#items()) {
      if (!('event' in item)) break
      stored.push(item.event)
    }
    return stored
  }

  async *#items(signal?: AbortSignal) {
    const stream = localStream(this.#runs, this.#id, tanStackEvents)
    const leave = () => stream.close()
    if (signal?.aborted) return
    signal?.addEventListener('abort', leave)
    try {
      yield* readRun(stream)
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  async #find(): Promise<RunInfo | undefined> {
    const run = await this.#runs.get(this.#id)
    return run && run.key === this.#options.key ? run : undefined
  }

  #indexOf(offset: string): number {
    const { id, index } = parseOffset(offset)
    if (id === this.#id) return index
    throw new ConfigurationError('offset', offset, `Pass an offset of the run "${this.#id}".`)
  }

  #end(message: string, code?: string): Stored {
    const chunk = { type: 'RUN_ERROR', timestamp: Date.now(), message, ...(code === undefined ? {} : { code }) }
    return { offset: formatOffset(this.#id, endIndex), chunk: chunk as StreamChunk }
  }
}

/** The producer of a run, as TanStack AI drives it from outside. */
interface Production {
  readonly publish: Producing<WithTanStack>['publish']
  /** Aborts when the run is over. */
  readonly signal: AbortSignal
  /** Nothing more comes. Without effect on a run that is over. */
  end(failure: RunFailure | undefined): void
  readonly finished: Promise<void>
}

async function startProduction(
  runs: RunManager<WithTanStack>,
  id: string,
  { key, abortController }: RunDurabilityOptions,
): Promise<Production> {
  let end!: Production['end']
  const over = new Promise<void>((resolve, reject) => {
    end = (failure) => (failure ? reject(failure) : resolve())
  })
  over.catch(() => {})
  let begin!: (producing: Producing<WithTanStack>) => void
  const begun = new Promise<Producing<WithTanStack>>((resolve) => {
    begin = resolve
  })
  const run = await runs.start(id, { ...(key === undefined ? {} : { key }) }, (producing) => {
    const { signal } = producing
    signal.addEventListener('abort', () => abortController?.abort(signal.reason), { once: true })
    begin(producing)
    return over
  })
  if (!run.started) throw new RunTakenError(id)
  const { publish, signal } = await begun
  return { publish, signal, end, finished: run.finished }
}
