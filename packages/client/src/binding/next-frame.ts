const waiting = new Set<() => void>()
let cancel: (() => void) | undefined

/** Time between frames of a hidden page, which the browser does not draw. */
const hiddenFrameMs = 1_000

/** Time between frames where `requestAnimationFrame` is missing. */
const fallbackFrameMs = 16

/**
 * Calls back once at the next animation frame, even if asked several times until then. All callbacks of a frame run in
 * one task. A hidden page has a frame each second; where `requestAnimationFrame` is missing, frames come every 16 ms.
 */
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

/** Cancels a callback of the next frame. Returns true if it was waiting. */
export function cancelFrame(callback: () => void): boolean {
  const waited = waiting.delete(callback)
  if (waiting.size === 0) stop()
  return waited
}

/** Runs at once all callbacks that wait for the next frame. For tests. If some throw, throws the first error at the end. */
export function flushFrame(): void {
  stop()
  const due = [...waiting]
  waiting.clear()
  callAll(due)
}

/** Calls all, even if some throw. Throws the first error at the end. */
export function callAll(callbacks: readonly (() => void)[]): void {
  let failure: { error: unknown } | undefined
  for (const callback of callbacks) {
    try {
      callback()
    } catch (error) {
      failure ??= { error }
    }
  }
  if (failure) throw failure.error
}

function stop(): void {
  cancel?.()
  cancel = undefined
}
