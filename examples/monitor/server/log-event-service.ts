import type { DestinationStream } from 'pino'
import type { LogLevel } from '../shared/events.js'
import type { Emit } from './emit.js'

/** Our own level for good news, between pino's info (30) and warn (40). */
export const customLevels = { success: 35 } as const

/** Longer messages are cut: a line of the log must not become a megabyte for every open page. */
const maxMessageLength = 2_000

/** Fields that pino adds to each line, and that the event carries elsewhere or not at all. */
const ownKeys = new Set(['level', 'time', 'pid', 'hostname', 'msg'])

/**
 * Publishes the server's own log: a destination for pino that turns each line into a `log` event.
 *
 * Nothing that is logged because of a delivery may come this way, or each line would cause the next one. The app
 * follows two rules for that: it logs the event stream's request when it opens and when it ends, never per event, and
 * reports errors of publishing past this stream.
 */
export class LogEventService {
  readonly #emit: Emit
  #stopped = false

  constructor(emit: Emit) {
    this.#emit = emit
  }

  readonly stream: DestinationStream = {
    write: (line: string): void => {
      if (this.#stopped) return
      const fields = JSON.parse(line) as Record<string, unknown>
      const data = Object.entries(fields).filter(([key]) => !ownKeys.has(key))
      this.#emit('log', {
        level: levelOf(Number(fields.level)),
        message: cut(String(fields.msg ?? '')),
        data: data.length > 0 ? Object.fromEntries(data) : undefined,
      })
    },
  }

  /** Sends further lines only to the other destinations, because nobody is left to read them here. */
  stop(): void {
    this.#stopped = true
  }
}

function levelOf(pinoLevel: number): LogLevel {
  if (pinoLevel >= 50) return 'error'
  if (pinoLevel >= 40) return 'warning'
  return pinoLevel >= customLevels.success ? 'success' : 'info'
}

function cut(message: string): string {
  return message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message
}
