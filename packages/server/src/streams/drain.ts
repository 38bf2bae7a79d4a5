import type { Clock } from '@rivulet/core'
import type { Connection } from '../delivery/connection.js'

/**
 * Closes connections one by one over a period and gives each client its own reconnection time, so that they do not all
 * reconnect to the other servers at once.
 *
 * @returns A function that closes the rest at once.
 */
export function spreadClosing(
  clock: Clock,
  connections: Iterable<Connection>,
  { graceMs, retryMs }: { graceMs: number; retryMs: number },
): () => void {
  const start = clock.now()
  const waiting = [...connections].map((connection) => ({ connection, closeAt: start + clock.random() * graceMs }))
  // Latest first: the next one is taken from the end.
  waiting.sort((one, other) => other.closeAt - one.closeAt)
  let timer: unknown
  const closeUpTo = (time: number) => {
    while (waiting.length > 0 && waiting.at(-1)!.closeAt <= time) {
      waiting.pop()!.connection.closeForShutdown(Math.round(retryMs * (1 + clock.random())))
    }
    if (waiting.length > 0)
      timer = clock.setTimeout(() => closeUpTo(clock.now()), waiting.at(-1)!.closeAt - clock.now())
  }
  closeUpTo(start)
  return () => {
    clock.clearTimeout(timer)
    closeUpTo(Infinity)
  }
}
