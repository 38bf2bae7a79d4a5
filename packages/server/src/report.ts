import type { ConnectionInfo } from './connection.js'

/** Where in the background something failed. */
export interface ErrorContext {
  /**
   * - `authorize`, `channels`, `snapshot`, `filter`: that function of the stream's options failed.
   * - `presence`: that function, or `onChange`, failed; or the nodes could not be told who is where.
   * - `emit`: an event could not be published.
   * - `read`: the backplane could not read a channel's events.
   * - `write`: a response failed.
   * - `backplane`: the backplane reports that it is not well.
   */
  readonly stage:
    | 'authorize'
    | 'channels'
    | 'snapshot'
    | 'filter'
    | 'presence'
    | 'emit'
    | 'read'
    | 'write'
    | 'backplane'
  readonly connection?: ConnectionInfo | undefined
  readonly channel?: string | undefined
  /** The event's name. */
  readonly type?: string | undefined
}

/** Takes what fails where no caller could catch it. */
export type ErrorHandler = (error: unknown, context: ErrorContext) => void

export function reportToConsole(error: unknown, { stage, connection, channel, type }: ErrorContext): void {
  const where = [
    connection && `connection ${connection.id}`,
    channel !== undefined && `channel "${channel}"`,
    type !== undefined && `event "${type}"`,
  ].filter(Boolean)
  console.error(`[rivulet] ${stage} failed${where.length > 0 ? ` (${where.join(', ')})` : ''}:`, error)
}
