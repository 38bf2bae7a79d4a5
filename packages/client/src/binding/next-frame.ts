const waiting = new Set<() => void>()
let cancel: (() => void) | undefined

/** Browsers draw no frames of a page that is out of sight. It goes on then, at this pace. */
const hiddenFrameMs = 1_000

/** Where there are no frames at all. */
const fallbackFrameMs = 16

/** Calls back once at the next animation frame, however often it is asked until then. All callbacks of a frame run in one task. */
export function nextFrame(callback: () => void): void {
  waiting.add(callback)
  if (cancel) return
  const { requestAnimationFrame, cancelAnimationFrame } = globalThis
  const frame = requestAnimationFrame?.(flushFrame)
  const timer = setTimeout(flushFrame, frame === undefined ? fallbackFrameMs : hiddenFrameMs)
  cancel = () => {
    if (frame !== undefined) cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
}

/** @returns Whether the callback was waiting. */
export function cancelFrame(callback: () => void): boolean {
  const waited = waiting.delete(callback)
  if (waiting.size === 0) stop()
  return waited
}

/** Runs at once what waits for the next frame. */
export function flushFrame(): void {
  stop()
  const due = [...waiting]
  waiting.clear()
  for (const callback of due) callback()
}

function stop(): void {
  cancel?.()
  cancel = undefined
}
