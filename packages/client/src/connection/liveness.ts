import type { Clock } from '@rivulet/core'

/** The longest time between two checks of the wall clock. Timers stop while the machine sleeps; the wall clock does not. */
const checkEveryMs = 10_000

export interface Liveness {
  /** Records activity. */
  touch(): void
  /** Sets the longest silence, in milliseconds, counted from the last `touch`; 0: no limit. */
  expect(everyMs: number): void
  /** Returns the length of the silence if it exceeds the limit, otherwise `undefined`. */
  overdueMs(): number | undefined
  /** Suspends the limit until the next `touch`, because nobody reads the connection. */
  pause(): void
  stop(): void
  /** The time of the last activity, by the clock; `undefined` before the first one. */
  readonly lastActivityAt: number | undefined
}

/**
 * Detects connections that are dead but not closed. The deadline is a wall-clock time, so a machine that slept detects a
 * dead connection within ten seconds of waking up.
 */
export function createLiveness(clock: Clock, onOverdue: (idleMs: number) => void): Liveness {
  let last: number | undefined
  let expectedMs = 0
  let paused = false
  let timer: unknown

  function overdueMs(): number | undefined {
    if (expectedMs === 0 || last === undefined || paused) return undefined
    const idleMs = clock.now() - last
    // The wall clock was set back, so the silence counts from now.
    if (idleMs < 0) last = clock.now()
    return idleMs >= expectedMs ? idleMs : undefined
  }

  function check(): void {
    timer = undefined
    const idleMs = overdueMs()
    if (idleMs !== undefined) onOverdue(idleMs)
    else schedule()
  }

  // The timer checks the clock when it fires. Resetting a timer on every chunk would cost more.
  function schedule(): void {
    if (timer !== undefined || expectedMs === 0 || last === undefined) return
    const restMs = Math.max(1, last + expectedMs - clock.now())
    timer = clock.setTimeout(check, Math.min(paused ? checkEveryMs : restMs, checkEveryMs))
  }

  function stop(): void {
    if (timer !== undefined) clock.clearTimeout(timer)
    timer = undefined
  }

  return {
    touch() {
      last = clock.now()
      paused = false
    },
    expect(everyMs) {
      expectedMs = everyMs
      stop()
      schedule()
    },
    overdueMs,
    pause() {
      paused = true
    },
    stop,
    get lastActivityAt() {
      return last
    },
  }
}
