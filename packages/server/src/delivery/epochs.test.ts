import { expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { Inflater } from '../../test/inflate.js'
import { sharedDeflate } from '../deflate.js'
import { Payload } from '../sinks/payload.js'
import { CompressedStream } from './compressed-stream.js'
import { Epochs } from './epochs.js'
import { Frame } from './frame.js'
import { Piece } from './piece.js'

const compression = sharedDeflate()

interface Stream {
  readonly output: CompressedStream
  readonly inflater: Inflater
  next: number
}

/** Streams of one cohort that take its pieces, skip some, have texts of their own, and fall some frames behind. */
class History {
  readonly #random: () => number
  readonly #epochs = new Epochs(compression)
  readonly #frames: Frame[] = []
  readonly #pieces = new Map<number, Piece>()
  readonly #streams: Stream[] = []

  constructor(seed: number) {
    this.#random = randomFrom(seed)
  }

  #upTo(limit: number): number {
    return 1 + Math.floor(this.#random() * limit)
  }

  run(): void {
    for (let step = 0; step < 150; step++) {
      if (this.#random() < 0.1) this.#join()
      if (this.#random() < 0.7) this.#push(this.#upTo(4))
      for (const stream of this.#streams) this.#step(stream)
    }
    for (const { output, inflater } of this.#streams) inflater.feed(output.trailer().bytes)
  }

  #join(): void {
    const stream = { output: new CompressedStream(compression), inflater: new Inflater(), next: this.#frames.length }
    this.#streams.push(stream)
    this.#take(stream, 'open\n\n')
  }

  #push(count: number): void {
    for (let left = count; left > 0; left--) {
      const position = this.#frames.length + 1
      const length = this.#random() < 0.02 ? 20_000 : this.#upTo(200)
      const data = JSON.stringify({ n: position, text: 'abc'.repeat(length) })
      this.#frames.push(Frame.of('a', { position, previous: position - 1, type: 'log', data }))
    }
  }

  #piece(from: number): Piece {
    const known = this.#pieces.get(from)
    const end = Math.min(this.#frames.length, from + 5)
    // A piece may have grown since, and may not reach the end.
    if (known && (from + known.frames.length >= end || this.#random() < 0.3)) return known
    const piece = new Piece(this.#frames.slice(from, end))
    this.#pieces.set(from, piece)
    return piece
  }

  #step(stream: Stream): void {
    const dice = this.#random()
    if (dice < 0.05) this.#take(stream, `:${'.'.repeat(this.#upTo(900))}\n\n`)
    else if (dice < 0.2 || stream.next >= this.#frames.length) return
    else if (dice < 0.25) stream.next += this.#upTo(this.#frames.length - stream.next)
    else this.#takePiece(stream)
  }

  #takePiece(stream: Stream): void {
    const piece = this.#piece(stream.next)
    const written = stream.output.shared(piece, stream.next, this.#epochs)
    stream.next += piece.frames.length
    this.#expect(stream, written, piece.frames.map(({ text }) => text).join(''))
  }

  #take(stream: Stream, text: string): void {
    this.#expect(stream, stream.output.own(new Payload(text)), text)
  }

  #expect({ inflater }: Stream, written: readonly Payload[], text: string): void {
    const inflated = written.map(({ bytes }) => new TextDecoder().decode(inflater.feed(bytes))).join('')
    expect(inflated).toBe(text)
  }
}

it('gives every stream its own text, whatever the others had', { timeout: 60_000 }, () => {
  for (let seed = 1; seed <= 60; seed++) new History(seed).run()
})
