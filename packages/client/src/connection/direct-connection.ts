import type { Clock } from '@rivulet/core'
import { RequestAction } from './action.js'
import { ChannelChanges } from './channel-changes.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './connection-options.js'
import { credentialOf } from './credential-refresh.js'
import { retryPolicy } from './retry-policy.js'
import type { ConnectionSink } from './stream-link.js'

/** A stream's own connection, with all that a stream can do: it changes channels, and refreshes the credential. */
export class DirectConnection extends Connection {
  readonly #changes: ChannelChanges

  constructor(options: ConnectionOptions, clock: Clock, sink: ConnectionSink) {
    const changes = new ChannelChanges(options, retryPolicy(options.retry), clock, sink)
    const { onUnauthorized } = options
    super(options, clock, sink, changes, onUnauthorized && credentialOf(onUnauthorized), new RequestAction(options))
    this.#changes = changes
  }

  setChannels(names: readonly string[]): Promise<void> {
    const { status } = this.snapshot
    return this.#changes.set(names, status !== 'idle' && status !== 'closed')
  }
}
