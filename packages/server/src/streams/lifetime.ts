import { type Clock, maxTimerMs } from '@rivulet/core'

/** Calls back at a time, however far away; the returned function calls it off. A time that is past already counts as now. */
export function at(clock: Clock, time: number, callback: () => void): () => void {
  let timer: unknown
  const wait = () => {
    const left = time - clock.now()
    timer = clock.setTimeout(left > maxTimerMs ? wait : callback, Math.min(Math.max(left, 0), maxTimerMs))
  }
  wait()
  return () => clock.clearTimeout(timer)
}
