import type { Database } from '../database/database.js'
import { fromText, toText } from '../database/text.js'
import { messageOf } from '../logs/reading.js'
import type { FeedEvent, FeedPage, FeedSource } from './feed-page.js'

/** Events of one page, and their bytes. */
const maxEvents = 500
const maxBytes = 4_194_304

/** Notifications that this source sends along with a read, to find out whether they arrive. */
export interface Probing {
  /** Tells if the next read has to send one. */
  readonly isDue: boolean
  /** Called when one was sent, at this time or later by `performance.now()`. It may have arrived before the read's answer. */
  sent(since: number): void
}

/** Reads the feed from the table of events. */
export class TableSource implements FeedSource {
  readonly #database: Database
  readonly #probing: Probing | undefined

  constructor(database: Database, probing?: Probing) {
    this.#database = database
    this.#probing = probing
  }

  async read(after: number | undefined, channels: readonly string[] | undefined): Promise<FeedPage> {
    const { waitMs, known } = this.#database
    const names = channels && JSON.stringify(channels.map(toText))
    const probe = this.#probing?.isDue ?? false
    const since = performance.now()
    const values = [after ?? null, names ?? null, maxEvents, maxBytes, waitMs, known, String(probe)]
    const rows = await this.#database.call('subscribe', 'feed', ...values)
    if (probe) this.#probing?.sent(since)
    const events: FeedEvent[] = []
    const lost: { channel: string; position: number }[] = []
    for (const row of rows) {
      const position = Number(row.at)
      const channel = fromText(row.channel!)
      if (row.kind === 'lost') lost.push({ channel, position })
      else if (row.kind === 'event') events.push({ channel, position, message: messageOf(row) })
      else if (row.kind === 'live') {
        events.push({ channel, position, message: { type: fromText(row.type!), data: fromText(row.data!) } })
      }
    }
    const state = rows.at(-1)!
    const upTo = Number(state.at)
    this.#database.note(upTo)
    const [origin, liveFloor] = [Number(state.previous), Number(state.channel)]
    return { upTo, origin, liveFloor, more: state.type === 'true', events, lost }
  }
}
