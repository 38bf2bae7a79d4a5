import { onTestFinished, vi } from 'vitest'

/** Replaces animation frames by ones that run when `draw` is called. */
export function stubFrames(): { due: ReadonlyMap<number, FrameRequestCallback>; draw: () => void } {
  const due = new Map<number, FrameRequestCallback>()
  let last = 0
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => {
    due.set(++last, callback)
    return last
  })
  vi.stubGlobal('cancelAnimationFrame', (frame: number) => due.delete(frame))
  onTestFinished(() => void vi.unstubAllGlobals())
  return {
    due,
    draw() {
      const callbacks = [...due.values()]
      due.clear()
      for (const callback of callbacks) callback(0)
    },
  }
}
