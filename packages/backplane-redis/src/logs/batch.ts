import type { RedisLink } from '../link/redis-link.js'

/** The number of events that one call may carry; a request counts as at least one. Redis serves nobody else meanwhile. */
const maxSize = 1_024

/**
 * Sends the requests of one turn of the event loop as one call: a script's call costs several times as much as most of what
 * it does. A stream reads each of its channels.
 */
export class Batch<Request, Answer> {
  readonly #ask: (link: RedisLink, requests: readonly Request[]) => Promise<readonly Answer[]>
  readonly #sizeOf: (request: Request) => number
  #gathering: { link: RedisLink; requests: Request[]; size: number; answers: Promise<readonly Answer[]> } | undefined

  /**
   * @param ask Gives the answers in the order of the requests.
   * @param sizeOf Gives the number of events that a request carries, or that its answer may.
   */
  constructor(
    ask: (link: RedisLink, requests: readonly Request[]) => Promise<readonly Answer[]>,
    sizeOf: (request: Request) => number,
  ) {
    this.#ask = ask
    this.#sizeOf = sizeOf
  }

  async add(link: RedisLink, request: Request): Promise<Answer> {
    const size = Math.max(1, this.#sizeOf(request))
    let batch = this.#gathering
    if (batch?.link !== link || batch.size + size > maxSize) batch = this.#gathering = this.#start(link)
    const index = batch.requests.push(request) - 1
    batch.size += size
    return (await batch.answers)[index]!
  }

  #start(link: RedisLink) {
    const requests: Request[] = []
    const answers = Promise.resolve().then(() => {
      if (this.#gathering === batch) this.#gathering = undefined
      return this.#ask(link, requests)
    })
    const batch = { link, requests, size: 0, answers }
    return batch
  }
}
