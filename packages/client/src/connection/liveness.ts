import type { Clock } from '@rivulet/core'

/** A timer counts only while the machine is awake, so the wall clock is looked at this often. */
const checkEveryMs = 10_000

export interface Liveness {
  /** Something came. */
  touch(): void
  /** From now on something has to come every so many milliseconds; 0: never. Counts from the last `touch`. */
  expect(everyMs: number): void
  /** How long nothing has come, when that is longer than expected; else `undefined`. */
  overdueMs(): number | undefined
  /** Nothing can come, as nothing is being read. `touch` ends it. */
  pause(): void
  stop(): void
  /** When something came last, by the clock; `undefined`: never. */
  readonly lastActivityAt: number | undefined
}

/**
 * Notices that a connection is dead that no one has closed. The deadline is one of the wall clock: a machine that slept
 * finds it passed within ten seconds of waking up, however much of a timer is left.
 */
export function createLiveness(clock: Clock, onOverdue: (idleMs: number) => void): Liveness {
  let last: number | undefined
  let expectedMs = 0
  let paused = false
  let timer: unknown

  function overdueMs(): number | undefined {
    if (expectedMs === 0 || last === undefined || paused) return undefined
    const idleMs = clock.now() - last
    // The wall clock was set back: what it says now is where counting begins anew.
    if (idleMs < 0) last = clock.now()
    return idleMs >= expectedMs ? idleMs : undefined
  }

  function check(): void {
    timer = undefined
    const idleMs = overdueMs()
    if (idleMs !== undefined) onOverdue(idleMs)
    else schedule()
  }

  // One timer that looks at the clock, instead of one that every chunk sets anew.
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
