import type { FeedPage, FeedSource } from '../src/live/feed-page.js'

/** A stored event of the model. */
export interface ModelEvent {
  readonly channel: string
  readonly position: number
  readonly data: string
  /** The number of commits up to its own. */
  readonly commit: number
}

/** The moment at which a transaction numbers its events: at its commit, under the lock (as the package does), or at the insert. */
export type Numbering = 'at commit' | 'at insert'

/** A transaction with events. */
export class ModelTransaction {
  readonly events: { readonly channel: string; readonly data: string; position: number }[] = []
  /** `committing`: it has positions, and nobody sees it yet. */
  state: 'open' | 'waiting' | 'committing' | 'ended' = 'open'
}

interface Read {
  readonly after: number | undefined
  readonly channels: readonly string[] | undefined
  page: FeedPage | undefined
  resolve(page: FeedPage): void
  reject(error: unknown): void
}

/**
 * A model of what Postgres shows to whom and when: commits in two steps, snapshots, a lock, deleted rows. Reads are
 * answered in two steps as well: the snapshot is taken, then the answer arrives.
 */
export class ModelDatabase implements FeedSource {
  readonly visible: ModelEvent[] = []
  /** By channel, the position up to which events were deleted. */
  readonly gone: Map<string, number> = new Map()
  /** By channel, the position up to which events are no longer kept. They are deleted later, one by one. */
  readonly dropped: Map<string, number> = new Map()
  readonly deleted: Set<string> = new Set()
  failedOver = false
  readonly #numbering: Numbering
  readonly #transactions: ModelTransaction[] = []
  #origin = 1
  #reads: Read[] = []
  #position = 1
  #commits = 0
  #holder: ModelTransaction | undefined

  constructor(numbering: Numbering) {
    this.#numbering = numbering
  }

  transactions(state: ModelTransaction['state']): ModelTransaction[] {
    return this.#transactions.filter((transaction) => transaction.state === state)
  }

  get commits(): number {
    return this.#commits
  }

  begin(): ModelTransaction {
    const transaction = new ModelTransaction()
    this.#transactions.push(transaction)
    return transaction
  }

  insert(transaction: ModelTransaction, channel: string, data: string): void {
    transaction.events.push({ channel, data, position: this.#numbering === 'at insert' ? ++this.#position : 0 })
  }

  /** Begins the commit: positions are handed out as soon as nobody else holds the lock. */
  commit(transaction: ModelTransaction): void {
    transaction.state = 'waiting'
    this.#grant()
  }

  #grant(): void {
    if (this.#numbering === 'at insert') {
      for (const transaction of this.transactions('waiting')) transaction.state = 'committing'
      return
    }
    if (this.#holder) return
    const [next] = this.transactions('waiting')
    if (!next) return
    this.#holder = next
    next.state = 'committing'
    for (const event of next.events) event.position = ++this.#position
  }

  /** The commit becomes visible, and the lock is free. */
  show(transaction: ModelTransaction): void {
    this.#commits++
    for (const { channel, data, position } of transaction.events) {
      this.visible.push({ channel, data, position, commit: this.#commits })
    }
    this.visible.sort((one, other) => one.position - other.position)
    this.#end(transaction)
  }

  /** Takes a transaction back, even in the middle of its commit. */
  rollback(transaction: ModelTransaction): void {
    this.#end(transaction)
  }

  #end(transaction: ModelTransaction): void {
    transaction.state = 'ended'
    if (this.#holder === transaction) this.#holder = undefined
    this.#grant()
  }

  /** Keeps only the newest event of a channel. */
  drop(channel: string): void {
    const last = this.visible.filter((event) => event.channel === channel).at(-2)
    if (last) this.dropped.set(channel, last.position)
  }

  /** Deletes the oldest event of a channel. */
  trim(channel: string): void {
    const index = this.visible.findIndex((event) => event.channel === channel)
    if (index < 0) return
    const [event] = this.visible.splice(index, 1)
    this.gone.set(channel, event!.position)
    this.dropped.set(channel, Math.max(this.dropped.get(channel) ?? 0, event!.position))
    this.deleted.add(event!.data)
  }

  /** A replica that lacks the last events takes over. Open transactions and reads end. */
  failOver(lacking: number): void {
    this.failedOver = true
    for (const { data } of this.visible.splice(Math.max(0, this.visible.length - lacking))) this.deleted.add(data)
    for (const transaction of this.#transactions) if (transaction.state !== 'ended') this.#end(transaction)
    for (const { reject } of this.#reads.splice(0)) reject(new Error('The server is gone.'))
    this.#origin = ++this.#position
    this.#commits++
  }

  read(after: number | undefined, channels: readonly string[] | undefined): Promise<FeedPage> {
    return new Promise((resolve, reject) => {
      this.#reads.push({ after, channels, page: undefined, resolve, reject })
    })
  }

  get pending(): number {
    return this.#reads.length
  }

  /** Takes the snapshot of the next read that has none. */
  execute(limit: number): void {
    const read = this.#reads.find(({ page }) => !page)
    if (read) read.page = this.#page(read, limit)
  }

  /** Answers the oldest read, or lets it fail. */
  answer(fails: boolean): void {
    const read = this.#reads.shift()
    if (!read) return
    read.page ??= this.#page(read, Infinity)
    if (fails) read.reject(new Error('The answer was lost.'))
    else read.resolve(read.page)
  }

  #page({ after, channels }: Read, limit: number): FeedPage {
    const last = Math.max(this.#origin, ...this.gone.values(), this.visible.at(-1)?.position ?? 0)
    const state = { origin: this.#origin, liveFloor: 0 }
    if (after === undefined) return { ...state, upTo: last, more: false, events: [], lost: [] }
    const wanted = this.visible.filter(
      ({ channel, position }) => position > after && (!channels || channels.includes(channel)),
    )
    const events = wanted.slice(0, limit).map(({ channel, position, data }) => {
      return {
        channel,
        position,
        message: { type: 'log', data, position, previous: this.#previous(channel, position) },
      }
    })
    const more = wanted.length > events.length
    const lost = [...this.gone].flatMap(([channel, position]) => (position > after ? [{ channel, position }] : []))
    return { ...state, upTo: more ? events.at(-1)!.position : last, more, events, lost }
  }

  #previous(channel: string, position: number): number {
    const before = this.visible.filter((event) => event.channel === channel && event.position < position)
    const [dropped = 0, gone = 0] = [this.dropped.get(channel), this.gone.get(channel)]
    const known = [before.at(-1)?.position ?? 0, dropped, gone].filter((value) => value < position)
    return Math.max(0, ...known) || Math.min(this.#origin, position - 1)
  }
}
