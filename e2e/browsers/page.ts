import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { events } from './contract.js'

/** Functions that the checks call in a page. They exchange plain data, because calls go through a driver. */
export interface StreamSettings
  extends Pick<EventStreamServiceOptions, 'body' | 'credentials' | 'method' | 'persist' | 'shared'> {
  readonly url: string
  /** Sends the header `x-attempt`, which counts the requests. */
  readonly countAttempts?: boolean
  /** Reads with a loop that takes this many milliseconds per event, instead of a handler. */
  readonly slowLoopMs?: number
}

/** Events and gaps that a page received from a stream. */
export interface Had {
  readonly received: number[]
  readonly gaps: string[]
  readonly errors: string[]
  status: string
}

interface Lab {
  readonly streams: { readonly stream: Pick<EventStreamService, 'close' | 'reconnect'>; readonly had: Had }[]
  open(settings: StreamSettings): void
  /** The standard's own client. */
  openNative(url: string): void
  /** Errors of earlier pages of this tab, which could not report them themselves. */
  readonly earlierErrors: string[]
}

declare global {
  interface Window {
    lab: Lab
    /** `true` if the back/forward cache restored the page. */
    restored: boolean
  }
}

/** Storage key of errors that outlive their page. */
const errorsKey = 'lab:errors'

function tellError(had: Had, error: unknown): void {
  had.errors.push(String(error))
  try {
    const earlier = JSON.parse(sessionStorage.getItem(errorsKey) ?? '[]') as string[]
    sessionStorage.setItem(errorsKey, JSON.stringify([...earlier, String(error)]))
  } catch {
    // Storage is forbidden.
  }
}

function earlierErrors(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem(errorsKey) ?? '[]') as string[]
  } catch {
    return []
  }
}

const newHad = (): Had => ({ received: [], gaps: [], errors: [], status: 'idle' })

window.restored = false
window.addEventListener('pageshow', ({ persisted }) => {
  window.restored ||= persisted
})

window.lab = {
  streams: [],
  earlierErrors: earlierErrors(),
  open({ countAttempts, slowLoopMs, ...options }) {
    let attempts = 0
    const headers = countAttempts ? () => ({ 'x-attempt': String(++attempts) }) : undefined
    const stream = new EventStreamService({ ...options, headers, events })
    const had = newHad()
    stream.onStatusChange(({ status }) => {
      had.status = status
    })
    stream.onGap(({ reason }) => had.gaps.push(reason))
    stream.onError((error) => tellError(had, error))
    if (slowLoopMs === undefined) stream.on(events.tick, ({ n }) => had.received.push(n))
    else void readSlowly(stream, had, slowLoopMs)
    stream.connect()
    window.lab.streams.push({ stream, had })
  },
  openNative(url) {
    const source = new EventSource(url)
    const had = newHad()
    source.addEventListener('open', () => {
      had.status = 'open'
    })
    source.addEventListener('tick', ({ data }) => had.received.push(JSON.parse(data).n))
    window.lab.streams.push({ stream: source as never, had })
  },
}

async function readSlowly(stream: EventStreamService<typeof events>, had: Had, ms: number): Promise<void> {
  for await (const { n } of stream.events(events.tick, { bufferSize: 1_000 })) {
    had.received.push(n)
    // The next page continues from here, whenever this one ends.
    sessionStorage.setItem('lab:received', JSON.stringify(had.received))
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}
