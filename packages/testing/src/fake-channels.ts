import { encodeControlEvent } from '@rivulet/core'
import type { FakeConnection } from './fake-connection.js'

/** An event that a fake server keeps. */
export interface KeptEvent {
  readonly position: number
  readonly channel: string
  readonly frame: string
}

/** An open stream of a fake server. */
export interface FakeSubscription {
  readonly connection: FakeConnection
  readonly id: string
  /** Channels of the stream; `undefined`: all, because the client did not ask for any. */
  channels: ReadonlySet<string> | undefined
  /** Number of the last change. */
  change: number
}

/** Tells whether a stream gets the events of a channel. A gap without a channel concerns all streams. */
export function gets({ channels }: FakeSubscription, channel: string | undefined): boolean {
  return channel === undefined || channels === undefined || channels.has(channel)
}

/** Reads the channels that a request asks for. */
export function channelsOf(url: string): ReadonlySet<string> | undefined {
  const { searchParams } = new URL(url)
  return searchParams.has('channel') ? new Set(searchParams.getAll('channel').filter(Boolean)) : undefined
}

/** The secret of a stream, with which its client changes the channels. */
export function controlOf(id: string): string {
  return `control-of-${id}`
}

/**
 * Carries out the change that a POST asks for, as Rivulet's server does: the kept events of the added channels come between
 * `rivulet:channels` and `rivulet:live`.
 *
 * @returns The status of the answer.
 */
export function changeChannels(
  body: string,
  streams: Iterable<FakeSubscription>,
  log: readonly KeptEvent[],
  position: number,
): number {
  const { connectionId, control, channels, after = {}, change } = JSON.parse(body)
  const stream = [...streams].find(({ id }) => id === connectionId)
  if (!stream || control !== controlOf(connectionId)) return 404
  if (change <= stream.change) return 202
  const before = stream.channels
  const wanted = new Set<string>(channels)
  // A stream with all channels had the events of each.
  const added = before ? [...wanted].filter((name) => !before.has(name)) : []
  const removed = before ? [...before].filter((name) => !wanted.has(name)) : []
  stream.channels = wanted
  stream.change = change
  const history = log.filter(
    ({ channel, position }) => added.includes(channel) && position > Number.parseInt(after[channel] ?? '0', 36),
  )
  const begin = encodeControlEvent({ type: 'rivulet:channels', added, removed, change })
  const live = encodeControlEvent({ type: 'rivulet:live', change }, { id: position.toString(36) })
  const text = history.map(({ frame }) => frame).join('')
  void stream.connection.write(begin + (added.length > 0 ? text + live : ''))
  return 202
}
