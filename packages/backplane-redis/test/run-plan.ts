/** The doings of a producer. */
export interface Plan {
  /** Identifies the producer: two of one run would show. */
  readonly name: string
  /** `deaf` ignores its signal, `hang` never ends. */
  readonly behaviour: 'end' | 'fail' | 'hang' | 'deaf'
  /** For each output, the pause after it. */
  readonly pausesMs: readonly number[]
  /** The number of characters that each output has more than it needs. */
  readonly padding: number
}

/** A note of a node about its producers: that one was called, and which of its outputs were acknowledged or refused. */
export interface Notice {
  readonly id: string
  readonly producer: string
  readonly kept?: number
  readonly refused?: number
}

export interface StartAnswer {
  readonly started: boolean
}

export interface StopAnswer {
  readonly ended: boolean
}
