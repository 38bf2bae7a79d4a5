import type { Clock } from '@rivulet/core'
import type { ConnectionOptions } from '../connection/connection-options.js'
import { DirectConnection } from '../connection/direct-connection.js'
import { streamIdentity } from '../connection/stream-identity.js'
import { type ConnectionSink, idleSnapshot, type StreamLink } from '../connection/stream-link.js'
import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'

export interface SharedOptions {
  /**
   * Identifies the user, and anything else besides the URL, method and body that decides the events of the stream. Tabs
   * share a connection only if their keys are equal. Required unless `credentials` is `'omit'`, the URL and the body
   * are values, and there are no `headers`.
   */
  key?: string
}

/**
 * Makes a shared connection, or returns `undefined` if the options ask for none or the platform does not support it.
 * Loads the code on first use, as most streams have their own connection.
 *
 * @throws {ConfigurationError} if a required key is missing.
 */
export function createSharedLink(
  options: ConnectionOptions & { shared?: boolean | SharedOptions },
  clock: Clock,
  sink: ConnectionSink,
): StreamLink | undefined {
  const { shared } = options
  if (!shared) return undefined
  const name = nameOf(shared, options)
  const locks = lockManager()
  if (!locks || !globalThis.BroadcastChannel) return undefined

  let link: StreamLink | undefined
  let loading = false
  let lastEventId = ''
  let snapshot = idleSnapshot

  const load = async (): Promise<void> => {
    try {
      const { SharedConnection } = await import('./shared-connection.js')
      link = new SharedConnection(name, locks, options, clock, sink)
    } catch (error) {
      // The code cannot be loaded, so the stream gets its own connection.
      link = new DirectConnection(options, clock, sink)
      sink.error(error)
    }
    link.lastEventId = lastEventId
    if (snapshot.status === 'connecting') link.send({ type: 'connect' })
  }

  return {
    get lastEventId() {
      return link ? link.lastEventId : lastEventId
    },
    set lastEventId(id) {
      lastEventId = id
      if (link) link.lastEventId = id
    },
    get snapshot() {
      return link ? link.snapshot : snapshot
    },
    get lastActivityAt() {
      return link?.lastActivityAt
    },
    send(input) {
      if (link) return link.send(input)
      const status = input.type === 'connect' || input.type === 'reconnect' ? 'connecting' : 'closed'
      if (status === snapshot.status) return
      snapshot = { ...idleSnapshot, status }
      sink.changed()
      if (loading || status === 'closed') return
      loading = true
      void load()
    },
  }
}

/** Returns the Web Locks, if any. A browser that stores no data for the site may throw here. */
function lockManager(): LockManager | undefined {
  try {
    return globalThis.navigator?.locks
  } catch {
    return undefined
  }
}

/** Versioned prefix. Raise the version whenever the notes change, so that tabs of two versions don't share. */
const protocol = 'rivulet:shared:4:'

function nameOf(shared: true | SharedOptions, options: ConnectionOptions): string {
  const key = shared === true ? undefined : shared.key
  const anonymous = options.credentials === 'omit' && options.headers === undefined
  const identity = key === '' || (key === undefined && !anonymous) ? undefined : streamIdentity(options, key)
  if (identity === undefined) {
    throw new ConfigurationError(
      'shared',
      shared,
      development
        ? 'Different users must not share a connection. Pass { key: user.id }, or, if all users get the same stream, credentials: "omit" and no headers.'
        : '',
    )
  }
  const { channels } = options
  return protocol + identity + (channels ? JSON.stringify([...channels].sort()) : '')
}
