import { type ContractOf, defineEvents, encodeControlEvent, encodeMessage, type GapEvent } from '@rivulet/core'
import { type QueryClient, QueryClient as QueryClientClass, QueryObserver } from '@tanstack/query-core'
import { z } from 'zod'
import { FakeClock } from '../../testing/src/fake-clock.js'
import { FakeConnection } from '../../testing/src/fake-connection.js'
import { fakeResponse } from '../../testing/src/fake-response.js'
import { flushFrame } from '../src/binding/next-frame.js'
import { EventStreamService } from '../src/index.js'
import { queryRule, syncQueries } from '../src/query/index.js'

export const boardNames = ['a', 'b'] as const
export type BoardName = (typeof boardNames)[number]

export interface Board {
  readonly cursor: string
  /** Numbers of the events, in order: a list to which each event adds shows one that is missing, doubled or misplaced. */
  readonly items: readonly number[]
}

const boardEvents: ContractOf<{ added: z.ZodType<{ board: BoardName; item: number }> }> = defineEvents({
  added: z.object({ board: z.enum(boardNames), item: z.number() }),
})

/** The way an event comes over the wire: as it should, without an id, or so that no client can read it. */
type Form = 'whole' | 'live' | 'garbled'

interface Entry {
  readonly position: number
  readonly board: BoardName
  readonly item: number
  readonly form: Form
}

export type Key = readonly ['board' | 'local' | 'sum', BoardName] | readonly ['count']

/** The keys of the queries. `local` has the cursor of its own channel, `sum` no patch, `count` neither a patch nor a cursor. */
export const keys: readonly Key[] = [['board', 'a'], ['board', 'b'], ['local', 'a'], ['sum', 'b'], ['count']] as const
export interface PendingFetch {
  readonly key: Key
  /** The state that the server has read for it. */
  data: unknown
  resolve(data: unknown): void
  reject(error: unknown): void
}

const text = (position: number) => position.toString(36)

/** A server with two boards, a stream of their changes, and a client whose queries show them. Nothing moves by itself. */
export class BoardWorld {
  readonly clock: FakeClock = new FakeClock()
  readonly stream: EventStreamService<typeof boardEvents>
  readonly queryClient: QueryClient
  /** Fetches that the server has not answered, oldest first. */
  readonly pending: PendingFetch[] = []
  /** Every fetch that was begun. */
  readonly fetched: string[] = []
  readonly observers: Map<string, () => void> = new Map()
  position = 1_000
  /** Nothing is known of earlier positions. */
  #origin = 1_000
  /** The cursor of the last request for the stream. */
  requested: string | undefined
  readonly #log: Entry[] = []
  readonly #items: Record<BoardName, number[]> = { a: [], b: [] }
  #connection: FakeConnection | undefined
  /** Events up to this entry of the log were sent on the connection, or were told to be missing. */
  #sent = 0
  readonly #stop: () => void

  constructor({ bufferSize, lastEventId = '' }: { bufferSize?: number; lastEventId?: string } = {}) {
    this.stream = new EventStreamService({
      url: 'http://test/events',
      events: boardEvents,
      clock: this.clock,
      lastEventId,
      fetch: async (_, init) => {
        this.requested = new Headers(init?.headers).get('last-event-id') ?? ''
        this.#connection = new FakeConnection(init?.signal)
        return fakeResponse(200, this.#connection)
      },
    })
    // Errors of broken connections and garbled events.
    this.stream.onError(() => {})
    this.queryClient = new QueryClientClass({
      defaultOptions: {
        queries: {
          retry: false,
          gcTime: Infinity,
          staleTime: Infinity,
          networkMode: 'always',
          queryFn: ({ queryKey }) => this.#ask(queryKey as unknown as Key),
        },
      },
    })
    const concerns = ({ board }: { board: BoardName }, [, name]: readonly unknown[]) => name === board
    const channels = ([, name]: readonly unknown[]) => `board:${name}`
    const patch = (board: Board, { item }: { item: number }) => ({ ...board, items: [...board.items, item] })
    const events = [boardEvents.added]
    this.#stop = syncQueries({
      stream: this.stream,
      queryClient: this.queryClient,
      ...(bufferSize !== undefined && { bufferSize }),
      rules: [
        queryRule({ queryKey: ['board'], events, concerns, channels, patch }),
        queryRule({ queryKey: ['local'], events, concerns, channels, patch }),
        queryRule({ queryKey: ['sum'], events, concerns, channels }),
        queryRule({ queryKey: ['count'], events }),
      ],
    })
  }

  /** The answer that the server would give. */
  read(key: Key): unknown {
    const [kind, name] = key
    const cursor = text(this.position)
    switch (kind) {
      case 'board':
        return { cursor, items: [...this.#items[name]] }
      case 'local': {
        const last = this.#log.filter(({ board }) => board === name).at(-1)
        return { cursor: text(last?.position ?? 1), items: [...this.#items[name]] }
      }
      case 'sum':
        return { cursor, sum: this.#items[name].length }
      case 'count':
        return { count: this.#items.a.length + this.#items.b.length }
    }
  }

  /** The data of a query, without its cursor. */
  shown(key: Key): unknown {
    return withoutCursor(this.queryClient.getQueryData(key))
  }

  expected(key: Key): unknown {
    return withoutCursor(this.read(key))
  }

  observe(key: Key): void {
    const name = key.join()
    if (this.observers.has(name)) return
    const observer = new QueryObserver(this.queryClient, { queryKey: [...key] })
    this.observers.set(
      name,
      observer.subscribe(() => {}),
    )
  }

  #ask(key: Key): Promise<unknown> {
    this.fetched.push(key.join())
    return new Promise((resolve, reject) => this.pending.push({ key, data: undefined, resolve, reject }))
  }

  leave(key: Key): void {
    const name = key.join()
    this.observers.get(name)?.()
    this.observers.delete(name)
  }

  /** Answers a fetch with what was read for it, or with the present state. */
  async answer(fetch: PendingFetch, error?: unknown): Promise<void> {
    this.pending.splice(this.pending.indexOf(fetch), 1)
    if (error !== undefined) fetch.reject(error)
    else fetch.resolve(fetch.data ?? this.read(fetch.key))
    await settled()
  }

  async answerAll(): Promise<void> {
    while (this.pending.length > 0) await this.answer(this.pending[0]!)
  }

  /** Changes a board. Its event waits to be delivered. */
  commit(board: BoardName, form: Form = 'whole'): void {
    const item = this.#log.length
    this.position++
    this.#items[board].push(item)
    this.#log.push({ position: this.position, board, item, form })
  }

  /** Loses its log, not the boards. Its positions go on rising, like its clock. */
  async restart(): Promise<void> {
    await this.drop()
    this.position += 100
    this.#origin = this.position
    // Earlier events are not kept.
    this.#log.forEach((entry, index) => {
      this.#log[index] = { ...entry, position: 0 }
    })
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  get undelivered(): number {
    return this.#log.length - this.#sent
  }

  /** Connects, or connects again. `lossy`: the events since the cursor are no longer kept. */
  async connect({ lossy = false }: { lossy?: boolean } = {}): Promise<void> {
    if (this.stream.status === 'idle') this.stream.connect()
    else if (this.stream.state.retryAt !== undefined) {
      this.clock.advance(this.stream.state.retryAt - this.clock.now())
    }
    await settled()
    const cursor = this.requested === '' ? undefined : Number.parseInt(this.requested!, 36)
    const isKnown = cursor !== undefined && cursor >= this.#origin && cursor <= this.position
    this.#sent = isKnown && !lossy ? this.#after(cursor) : this.#log.length
    const recovered = cursor === undefined ? null : isKnown && !lossy
    const open = encodeControlEvent(
      { type: 'rivulet:open', connectionId: 'test', heartbeatMs: 0, recovered, replayed: 0 },
      recovered ? {} : { id: text(this.position) },
    )
    const reason = isKnown ? 'trimmed' : 'restarted'
    await this.write(open + (recovered === false ? encodeControlEvent({ type: 'rivulet:gap', reason }) : ''))
  }

  #after(position: number): number {
    const index = this.#log.findIndex((entry) => entry.position > position)
    return index < 0 ? this.#log.length : index
  }

  async drop(): Promise<void> {
    this.#connection?.drop()
    this.#connection = undefined
    await settled()
  }

  async write(frames: string): Promise<void> {
    await this.#connection?.write(frames)
    await settled()
  }

  /** Delivers the next events in one piece. */
  async deliver(count: number = Infinity): Promise<void> {
    if (!this.#connection) return
    const entries = this.#log.slice(this.#sent, this.#sent + count)
    this.#sent += entries.length
    await this.write(entries.map(frameOf).join(''))
  }

  /** Loses the next events, of one board or all, and tells of the gap in their place. */
  async lose(count: number, board?: BoardName): Promise<void> {
    if (!this.#connection) return
    const entries = this.#log.slice(this.#sent, this.#sent + count)
    this.#sent += entries.length
    const kept = entries.filter((entry) => board !== undefined && entry.board !== board)
    const gap: GapEvent = { type: 'rivulet:gap', reason: 'lagged', ...(board && { channel: `board:${board}` }) }
    await this.write(encodeControlEvent(gap) + kept.map(frameOf).join(''))
  }

  async flush(): Promise<void> {
    flushFrame()
    await settled()
  }

  dispose(): void {
    this.#stop()
    this.stream.close()
    for (const key of keys) this.leave(key)
    this.queryClient.clear()
  }
}

function frameOf({ position, board, item, form }: Entry): string {
  return encodeMessage({
    id: form === 'live' ? undefined : text(position),
    event: 'added',
    data: JSON.stringify({ board, item: form === 'garbled' ? 'x' : item, timestamp: 0, source: 'test' }),
  })
}

function withoutCursor(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  const { cursor, ...rest } = data as { cursor?: string }
  return rest
}

/** Lets everything run that waits for a promise or the next task. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}
