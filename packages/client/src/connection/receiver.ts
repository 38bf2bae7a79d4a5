import {
  type ChannelsEvent,
  type CloseEvent,
  comparePositions,
  createDecoder,
  type EndEvent,
  type GapEvent,
  type OpenEvent,
  parseControlEvent,
  type SseMessage,
} from '@rivulet/core'
import type { ChannelProgress } from './channel-progress.js'
import type { BesideCursor, ConnectionSink } from './stream-link.js'

/** The connection that a receiver decodes for. */
export interface Receiving {
  /** The ID where the connection began. */
  readonly lastEventId: string
  readonly progress: ChannelProgress
  /** Returns `false` once the connection is replaced or closed. Later events are dropped. */
  isCurrent(): boolean
  /** Takes the last received ID. */
  moved(id: string): void
  /** The first message of the stream has come. */
  began(): void
  opened(open: OpenEvent): void
  /** Takes a gap, with the last event ID behind it if that is new. */
  gap(gap: GapEvent, id?: string): void
  closed(close: CloseEvent): void
  /** The channels have changed. The history of the added ones follows. */
  changed(channels: ChannelsEvent): void
  /** The connection has a channel from its cursor on whose history broke off earlier. */
  brokeOff(channel: string): void
  /** The history of the added channels is over. */
  caughtUp(): void
  /** Takes the end of a run: nothing more will come. */
  ended(end: EndEvent): void
  /** Takes the delay of a `retry:` line. */
  retry(milliseconds: number): void
}

/** Decodes the chunks of one connection. Events go to the sink, control events to the connection. */
export function createReceiver(
  connection: Receiving,
  sink: ConnectionSink,
  maxEventBytes: number | undefined,
): (chunk: Uint8Array) => void {
  let positioned = false
  let lastId = connection.lastEventId
  let began = false
  /** Number of events of the history that are still to come. */
  let history = 0
  /** Channels that were added, and whose history comes, among the events of the others. */
  const adding = new Set<string>()

  const moveTo = (id: string): void => {
    lastId = id
    connection.moved(id)
    sink.cursor(id)
  }

  const onLive = (): void => {
    history = 0
    if (connection.isCurrent()) sink.live()
  }

  /** An event has passed, perhaps the last one of the history. */
  const onPassed = (): void => {
    if (history > 0 && --history === 0) onLive()
  }

  const pass = (message: SseMessage, id: string | undefined, replayed: boolean, beside?: BesideCursor): void =>
    sink.message({ message, id, positioned, replayed, beside })

  const onMessage = (message: SseMessage, id: string | undefined): void => {
    if (!connection.isCurrent()) return
    if (!began) {
      began = true
      connection.began()
    }
    const isControl = message.event.startsWith('rivulet:')
    // The ID came in an earlier block without data, or in the server's first event, which sets the first cursor.
    if ((isControl || id === undefined) && message.lastEventId !== lastId) moveTo(message.lastEventId)
    if (isControl) {
      const control = parseControlEvent(message)
      if (control?.type === 'rivulet:open') {
        positioned = true
        connection.opened(control)
        history = control.replayed
        if (!(history > 0)) onLive()
      } else if (control?.type === 'rivulet:live') {
        if (history > 0) onLive()
        // Its ID may be that of the last event of an added channel, which has moved no cursor.
        if (adding.size > 0) moveTo(message.lastEventId)
        adding.clear()
        connection.caughtUp()
      } else if (control?.type === 'rivulet:channels') {
        for (const channel of control.added) adding.add(channel)
        connection.changed(control)
      } else if (control?.type === 'rivulet:gap') connection.gap(control)
      else if (control?.type === 'rivulet:close') connection.closed(control)
      else if (control?.type === 'rivulet:end') connection.ended(control)
      return
    }
    if (positioned && message.event === 'heartbeat') return
    if (connection.progress.partial.size > 0 && isBeside(message, id)) return
    if (isGiven(message, id)) {
      moveTo(id!)
      onPassed()
      return
    }
    if (id !== undefined) {
      lastId = id
      connection.moved(id)
    }
    pass(message, id, history > 0)
    onPassed()
  }

  /** Passes on an event of an added channel, whose ID may be behind the cursor. Returns `false` for any other. */
  const isBeside = (message: SseMessage, id: string | undefined): boolean => {
    const { partial } = connection.progress
    const channel = channelOf(message)
    const last = partial.get(channel)
    if (last === undefined) return false
    if (!adding.has(channel)) {
      connection.brokeOff(channel)
      return !connection.isCurrent()
    }
    if (id === undefined) pass(message, id, true)
    else {
      lastId = id
      if (last !== '' && comparePositions(id, last) <= 0) return true
      partial.set(channel, id)
      pass(message, undefined, true, { channel, id })
    }
    return true
  }

  /** Tells whether an event came over an earlier connection, beside the cursor. */
  const isGiven = (message: SseMessage, id: string | undefined): boolean => {
    const { given } = connection.progress
    const last = given.size > 0 && id !== undefined ? given.get(channelOf(message)) : undefined
    return last !== undefined && comparePositions(id!, last) <= 0
  }

  const decoder = createDecoder({
    lastEventId: lastId,
    maxEventBytes,
    onMessage,
    onRetry: (milliseconds) => connection.retry(milliseconds),
    onTooLarge: (error) => {
      if (!connection.isCurrent()) return
      const id = error.lastEventId
      if (id !== undefined) {
        lastId = id
        // Comes first, because a listener of the gap may reconnect.
        if (adding.size === 0) connection.moved(id)
      }
      // The event may be of an added channel.
      connection.gap({ type: 'rivulet:gap', reason: 'oversized' }, adding.size > 0 ? undefined : id)
      sink.error(error)
      onPassed()
    },
  })

  return (chunk) => {
    decoder.feed(chunk)
    if (connection.isCurrent() && decoder.lastEventId !== lastId) moveTo(decoder.lastEventId)
  }
}

function channelOf({ data }: SseMessage): string {
  try {
    const { channel = 'default' } = JSON.parse(data)
    return channel
  } catch {
    // Not an event of this protocol, so of no channel.
    return ''
  }
}
