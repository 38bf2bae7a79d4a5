import type { Clock } from './clock.js'
import { Connection, type ConnectionOptions, type ConnectionSink, idleSnapshot, type Link } from './connection.js'
import { InvalidOptionError } from './errors.js'
import { pageBaseUrl } from './page-events.js'

export interface SharedOptions {
  /**
   * Names the connection among the tabs of the origin. Name the user, and all else that decides what the stream
   * carries. Needed where the URL is a function, and with `headers` or `body`; elsewhere the URL is the name.
   */
  key?: string
}

/**
 * The shared connection that the options ask for, or `undefined` where they ask for none or the platform lacks what it
 * needs. Its code is loaded when it is first needed, as most streams have a connection of their own.
 *
 * @throws {InvalidOptionError} when a key is needed and missing: tabs of two users must not share.
 */
export function createSharedLink(
  options: ConnectionOptions & { shared?: boolean | SharedOptions },
  clock: Clock,
  sink: ConnectionSink,
): Link | undefined {
  const { shared, url, headers, body } = options
  if (!shared) return undefined
  let key = shared === true ? undefined : shared.key
  if (key === undefined) {
    if (typeof url === 'function' || headers !== undefined || body !== undefined) {
      throw new InvalidOptionError('shared', shared, 'give it a key that names the user and the stream: { key: … }.')
    }
    key = absolute(url)
  }
  const locks = globalThis.navigator?.locks
  // Without a key there is no page either: a server renders it.
  if (key === undefined || !locks || !globalThis.BroadcastChannel) return undefined
  const name = `rivulet:${key}`

  let link: Link | undefined
  let loading = false
  let lastEventId = ''
  let snapshot = idleSnapshot

  async function load(): Promise<void> {
    try {
      const { SharedConnection } = await import('./shared-connection.js')
      link = new SharedConnection(name, locks as LockManager, options, clock, sink)
    } catch (error) {
      // The file is not to be had: a connection of one's own does what is needed most.
      link = new Connection(options, clock, sink)
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

/** `undefined` for a relative URL where there is no page. */
function absolute(url: string | URL): string | undefined {
  try {
    return new URL(url, pageBaseUrl()).href
  } catch {
    return undefined
  }
}
