import type { ConnectionInfo } from './connection-info.js'
import { tell } from './guard.js'

/** The place of a failure in the background. */
export interface ErrorContext<Context = unknown> {
  /**
   * - `authorize`, `channels`, `snapshot`, `filter`: that callback of the stream's options failed.
   * - `presence`: that callback or `onChange` failed, or the registry could not be updated.
   * - `disconnect`: the function passed to `disconnect` failed for a stream that was being opened.
   * - `run`: the producer of a run failed, or what becomes of runs could not be written.
   * - `id`, `start`: that function of the options of a run's route failed; with `start`, or its `location`.
   * - `emit`: an event could not be published.
   * - `read`: the backplane could not read a channel's events.
   * - `write`: a response failed.
   * - `backplane`: the backplane reported an error.
   */
  readonly stage:
    | 'authorize'
    | 'channels'
    | 'snapshot'
    | 'filter'
    | 'presence'
    | 'disconnect'
    | 'run'
    | 'id'
    | 'start'
    | 'emit'
    | 'read'
    | 'write'
    | 'backplane'
  readonly connection?: ConnectionInfo<Context> | undefined
  readonly channel?: string | undefined
  /** The run's id. */
  readonly run?: string | undefined
  /** The event's name. */
  readonly type?: string | undefined
}

/**
 * Receives errors that no caller can catch. It may be asynchronous. If it fails, its own error and the original one go to
 * `console.error`.
 */
export type ErrorHandler<Context = unknown> = (error: unknown, context: ErrorContext<Context>) => unknown

/** Passes an error to the application's handler. */
export function report(onError: ErrorHandler, error: unknown, context: ErrorContext): void {
  tell(
    () => onError(error, context),
    (failure) => {
      reportToConsole(error, context)
      print('[rivulet] onError itself failed:', failure)
    },
  )
}

export function reportToConsole(error: unknown, { stage, connection, channel, run, type }: ErrorContext): void {
  const where = [
    connection && `connection ${connection.id}`,
    channel !== undefined && `channel "${channel}"`,
    run !== undefined && `run "${run}"`,
    type !== undefined && `event "${type}"`,
  ].filter(Boolean)
  print(`[rivulet] ${stage} failed${where.length > 0 ? ` (${where.join(', ')})` : ''}:`, error)
}

/** Printing an error runs its getters, which may throw. */
function print(message: string, error: unknown): void {
  try {
    console.error(message, error)
  } catch {
    tell(
      () => console.error(message, 'an error that cannot be printed'),
      () => {},
    )
  }
}
