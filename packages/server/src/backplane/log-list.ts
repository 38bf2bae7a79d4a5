/** The fields that a list keeps in each of its logs. */
export interface Listed<Log extends Listed<Log>> {
  list: LogList<Log> | undefined
  older: Log | undefined
  newer: Log | undefined
}

/** Logs in the order in which they were put in last. Every step takes the same time: in a `Map` the first entry has to be looked for. */
export class LogList<Log extends Listed<Log>> {
  oldest: Log | undefined
  #newest: Log | undefined

  /** Puts a log last, and takes it out of where it was. */
  add(log: Log): void {
    log.list?.remove(log)
    log.list = this
    log.older = this.#newest
    if (this.#newest) this.#newest.newer = log
    else this.oldest = log
    this.#newest = log
  }

  remove(log: Log): void {
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
