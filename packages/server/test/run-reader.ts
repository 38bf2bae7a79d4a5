import { createDecoder, parseControlEvent } from '@rivulet/core'
import type { RunManager } from '../src/runs/run-manager.js'
import type { NodeLink } from './node-link.js'
import type { RunEvents } from './runs.js'
import { SimulatedSink } from './simulation.js'

/** One observation of a reader of a run, over all its connections. */
export type RunSeen = { output: string } | { gap: string } | { end: string }

/** Reads a run as a client does: with its cursor from connection to connection, until the end. */
export class RunClient {
  readonly id: string
  readonly seen: RunSeen[] = []
  readonly problems: string[] = []
  link: NodeLink | undefined
  sink: SimulatedSink | undefined
  slow = false
  #cursor = ''

  constructor(id: string) {
    this.id = id
  }

  get ended(): boolean {
    return this.seen.some((one) => 'end' in one)
  }

  connect(link: NodeLink, runs: RunManager<RunEvents>): void {
    const sink = new SimulatedSink(link.clock, 2_000)
    const decoder = createDecoder({
      lastEventId: this.#cursor,
      onMessage: (message) => {
        if (this.sink !== sink) return
        const control = parseControlEvent(message)
        if (this.ended) this.problems.push(`${message.event} after the end`)
        if (control?.type === 'rivulet:gap') this.seen.push({ gap: control.reason })
        else if (control?.type === 'rivulet:end') this.seen.push({ end: message.data })
        else if (!control) this.seen.push({ output: JSON.parse(message.data).text.trim() })
        this.#cursor = message.lastEventId
      },
    })
    sink.onBytes = (bytes) => sink.status === 200 && decoder.feed(bytes)
    sink.onEnd = () => {
      if (sink.status === 204 && !this.ended) this.problems.push('204 before the end')
      if (this.sink === sink) this.sink = undefined
    }
    this.link = link
    this.sink = sink
    const lastEventId = this.#cursor || undefined
    link.run(() => {
      void runs.connect({ raw: undefined, lastEventId }, sink, { id: () => this.id, authorize: () => true })
    })
  }

  /** The page is closed, or the network is gone. */
  leave(): void {
    const { sink } = this
    this.sink = undefined
    sink?.destroy()
  }
}
