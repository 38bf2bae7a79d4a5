/** The next step of an answer. */
type Act = { readonly text: string } | { readonly done: true } | { readonly error: unknown }

/** An answer whose texts a check gives one by one. */
export class Script {
  readonly #acts: Act[] = []
  #wake: () => void = () => {}
  /** Resolves when the producer's signal has aborted. */
  readonly aborted: Promise<void>
  #onAbort!: () => void

  constructor() {
    this.aborted = new Promise((resolve) => {
      this.#onAbort = resolve
    })
  }

  say(...texts: string[]): void {
    this.#add(...texts.map((text) => ({ text })))
  }

  finish(): void {
    this.#add({ done: true })
  }

  fail(error: unknown): void {
    this.#add({ error })
  }

  #add(...acts: Act[]): void {
    this.#acts.push(...acts)
    this.#wake()
  }

  /** Yields the texts as the check gives them, like a model. */
  async *answer(signal: AbortSignal): AsyncGenerator<string, void> {
    const onAbort = () => {
      this.#onAbort()
      this.#wake()
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    for (;;) {
      signal.throwIfAborted()
      const act = this.#acts.shift()
      if (!act) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      if ('done' in act) return
      if ('error' in act) throw act.error
      yield act.text
    }
  }
}
