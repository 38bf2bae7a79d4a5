import { mark } from './event.js'

/** Arrival times of events, side by side. */
export interface Samples {
  readonly seq: number[]
  readonly at: number[]
}

const eventPattern = new RegExp(`"seq":(\\d+),"mark":"${mark}","text":"[^"]*"`, 'g')

/** Reads each event of one connection, records its arrival, and notes events that do not follow the previous one. */
export class SampleReader {
  readonly #samples: Samples
  readonly #onDisorder: (error: Error) => void
  #lastSeq = 0
  #rest = ''

  constructor(samples: Samples, onDisorder: (error: Error) => void) {
    this.#samples = samples
    this.#onDisorder = onDisorder
  }

  read(chunk: Buffer, time: number): void {
    const text = this.#rest + chunk.toString('latin1')
    let end = 0
    for (const match of text.matchAll(eventPattern)) {
      const seq = Number(match[1])
      if (this.#lastSeq > 0 && seq !== this.#lastSeq + 1)
        this.#onDisorder(new Error(`Event ${seq} came after ${this.#lastSeq}.`))
      this.#lastSeq = seq
      this.#samples.seq.push(seq)
      this.#samples.at.push(time)
      end = match.index + match[0].length
    }
    this.#rest = text.slice(end)
  }
}
