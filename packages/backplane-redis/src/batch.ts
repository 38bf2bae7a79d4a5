import type { RedisLink } from './redis-link.js'

/** How many events one call may bring, at least one for each request: Redis serves nobody else while it carries one out. */
const maxSize = 1_024

/**
 * Asks Redis at once for all that is asked for in one turn. A stream reads in each of its channels, and the call of a
 * script costs several times what most reads do.
 */
export class Batch<Request, Answer> {
  readonly #ask: (link: RedisLink, requests: readonly Request[]) => Promise<readonly Answer[]>
  readonly #sizeOf: (request: Request) => number
  #gathering: { link: RedisLink; requests: Request[]; size: number; answers: Promise<readonly Answer[]> } | undefined

  /**
   * @param ask Gives the answers in the order of the requests.
   * @param sizeOf How many events a request may bring.
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
