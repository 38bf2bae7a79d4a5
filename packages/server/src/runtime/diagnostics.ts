import type { Runtime } from './runtime.js'

/** What is told to `node:diagnostics_channel`, by channel name. Each message has the name of its `manager` too. */
export interface DiagnosticMessages {
  'rivulet:connection:open': {
    connectionId: string
    channels: readonly string[]
    recovered: boolean | null
    replayed: number
  }
  'rivulet:connection:lag': { connectionId: string }
  'rivulet:connection:close': { connectionId: string; reason: string; lifetimeMs: number }
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

// Not imported: this package runs where no node: module is. Node.js has the function from 20.16 on.
const diagnostics = (
  globalThis as { process?: { getBuiltinModule?: (name: string) => DiagnosticsModule | undefined } }
).process?.getBuiltinModule?.('node:diagnostics_channel')

const channels = new Map<string, DiagnosticsChannel>()

/**
 * Tells the subscribers of a diagnostics channel, if there are any: only then the message is made. It is Node.js that calls
 * them: what one throws is an uncaught exception, which nothing here can catch.
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
