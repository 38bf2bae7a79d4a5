import type { ChannelLog } from './channel-log.js'

/** Logs in the order in which they were put in last. Every step takes the same time: in a `Map` the first entry has to be looked for. */
export class LogList {
  oldest: ChannelLog | undefined
  #newest: ChannelLog | undefined

  /** Puts a log last, and takes it out of where it was. */
  add(log: ChannelLog): void {
    log.list?.remove(log)
    log.list = this
    log.older = this.#newest
    if (this.#newest) this.#newest.newer = log
    else this.oldest = log
    this.#newest = log
  }

  remove(log: ChannelLog): void {
    if (log.list !== this) return
    if (log.older) log.older.newer = log.newer
    else this.oldest = log.newer
    if (log.newer) log.newer.older = log.older
    else this.#newest = log.older
    log.list = undefined
    log.older = undefined
    log.newer = undefined
  }
}
