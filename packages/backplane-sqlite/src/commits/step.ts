/** A change that is stored together with others. */
export interface Step {
  /** False for a step that only passes something on when its turn comes. */
  readonly writes: boolean
  /** Writes, inside a transaction. Called again if that failed. */
  apply(): void
  /** Passes on the stored change. Called in the order of the steps. */
  pass(): void
  /** Answers the caller, once every step was passed on. */
  done(): void
  fail(error: unknown): void
}

/** A step that writes and answers with a value. */
export class WriteStep<T> implements Step {
  readonly writes = true
  readonly promise: Promise<T>
  readonly #write: () => T
  readonly #passOn: (result: T) => void
  #resolve!: (result: T) => void
  #reject!: (error: unknown) => void
  #result!: T

  constructor(write: () => T, passOn: (result: T) => void = () => {}) {
    this.#write = write
    this.#passOn = passOn
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  apply(): void {
    this.#result = this.#write()
  }

  pass(): void {
    this.#passOn(this.#result)
  }

  done(): void {
    this.#resolve(this.#result)
  }

  fail(error: unknown): void {
    this.#reject(error)
  }
}
