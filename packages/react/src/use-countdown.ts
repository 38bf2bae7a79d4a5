import { useEffect, useState } from 'react'

/** The seconds until a time, rounded up; `undefined` where there is none. Renders once a second. */
export function useCountdown(until: number | undefined): number | undefined {
  const [, tick] = useState(0)
  const remainingMs = until === undefined ? 0 : Math.max(0, until - Date.now())
  useEffect(() => {
    if (remainingMs <= 0) return
    const timer = setTimeout(() => tick((count) => count + 1), remainingMs % 1_000 || 1_000)
    return () => clearTimeout(timer)
  }, [remainingMs])
  return until === undefined ? undefined : Math.ceil(remainingMs / 1_000)
}
