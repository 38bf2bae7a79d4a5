/** The fields that a list stores in each of its logs. */
export interface Listed<Log extends Listed<Log>> {
  list: LogList<Log> | undefined
  older: Log | undefined
  newer: Log | undefined
}

/** Logs ordered by their last insertion. All operations take constant time; in a `Map`, finding the first entry would not. */
export class LogList<Log extends Listed<Log>> {
  oldest: Log | undefined
  #newest: Log | undefined

  /** Appends a log, and removes it from the list that it was in. */
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
