import type { Runtime } from './runtime.js'

/** Messages published to `node:diagnostics_channel`, by channel name. Each one also has the name of its `manager`. */
export interface DiagnosticMessages {
  'rivulet:connection:open': {
    connectionId: string
    channels: readonly string[]
    recovered: boolean | null
    replayed: number
  }
  'rivulet:connection:lag': { connectionId: string }
  'rivulet:connection:close': { connectionId: string; reason: string; lifetimeMs: number }
  'rivulet:connection:channels': {
    connectionId: string
    added: readonly string[]
    removed: readonly string[]
    /** The client's number of the change; `undefined` if the server made it. */
    change: number | undefined
  }
  /** A change that somebody asked for without the right to it, or of a stream that cannot be changed. */
  'rivulet:connection:change:ignore': { connectionId: string; reason: string }
  'rivulet:connection:refuse': { status: number }
  'rivulet:publish': { channel: string; type: string; id: string | undefined; duplicate: boolean }
}

interface DiagnosticsChannel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

interface DiagnosticsModule {
  channel(name: string): DiagnosticsChannel
}

// Not imported: this package also runs where there are no node: modules. Node.js has this function since 20.16.
const diagnostics = (
  globalThis as { process?: { getBuiltinModule?: (name: string) => DiagnosticsModule | undefined } }
).process?.getBuiltinModule?.('node:diagnostics_channel')

const channels = new Map<string, DiagnosticsChannel>()

/**
 * Publishes a message to a diagnostics channel, and creates it only if the channel has subscribers. Node.js calls them: an
 * error that one throws is an uncaught exception, which no code here can catch.
 */
export function diagnose<Name extends keyof DiagnosticMessages>(
  { name: manager }: Pick<Runtime, 'name'>,
  name: Name,
  message: () => DiagnosticMessages[Name],
): void {
  if (!diagnostics) return
  let channel = channels.get(name)
  if (!channel) {
    channel = diagnostics.channel(name)
    channels.set(name, channel)
  }
  if (channel.hasSubscribers) channel.publish({ manager, ...message() })
}
