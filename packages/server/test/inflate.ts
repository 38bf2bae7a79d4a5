import { constants, deflateSync, inflateRawSync } from 'node:zlib'

const windowBytes = 32_768

/** Decompresses a zlib stream synchronously, write by write. Node.js itself does that only asynchronously. */
export class Inflater {
  #window: Uint8Array = new Uint8Array(0)
  #text: Uint8Array[] = []
  #begun = false

  /** @param bytes The header, whole blocks, or the end of the stream. @throws if they are not. */
  feed(bytes: Uint8Array): Uint8Array {
    if (!this.#begun) {
      if (bytes.join() !== '120,1') throw new Error('The stream does not begin with a zlib header.')
      this.#begun = true
      return new Uint8Array(0)
    }
    if (bytes[0] === 3) {
      this.#checkEnd(bytes)
      return new Uint8Array(0)
    }
    const dictionary = this.#window.length > 0 ? { dictionary: this.#window } : {}
    const text = inflateRawSync(bytes, { ...dictionary, finishFlush: constants.Z_SYNC_FLUSH })
    this.#text.push(text)
    this.#window = Buffer.concat([this.#window, text]).subarray(-windowBytes)
    return text
  }

  #checkEnd(bytes: Uint8Array): void {
    const whole = deflateSync(Buffer.concat(this.#text))
    const end = Buffer.concat([Uint8Array.of(3, 0), whole.subarray(-4)])
    if (!end.equals(bytes)) throw new Error(`The stream ends with ${bytes.join()} instead of ${end.join()}.`)
  }
}

/** The text of writes that a reader takes in parts. A write counts once all of its bytes are taken. */
export class Taken {
  readonly #writes: { left: number; readonly text: Uint8Array }[] = []

  written(bytes: Uint8Array, text: Uint8Array): void {
    this.#writes.push({ left: bytes.length, text })
  }

  take(count: number): Uint8Array {
    const texts: Uint8Array[] = []
    for (let left = count; left > 0; ) {
      const write = this.#writes[0]!
      const taken = Math.min(left, write.left)
      write.left -= taken
      left -= taken
      if (write.left === 0) texts.push(this.#writes.shift()!.text)
    }
    return Buffer.concat(texts)
  }
}
