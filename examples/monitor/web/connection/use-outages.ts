import { useEventStream } from '@rivulet/react'
import { useEffect, useReducer } from 'react'
import { type Outage, outagesReducer } from './outages.js'

/** Outages and gaps of the stream since the page was opened, oldest first. */
export function useOutages(): readonly Outage[] {
  const stream = useEventStream()
  const [outages, dispatch] = useReducer(outagesReducer, [])

  useEffect(() => {
    const stopStatus = stream.onStatusChange(({ status, recovered }, previous) => {
      const here = { afterId: stream.lastEventId, at: Date.now() }
      if (previous.status === 'open' && status !== 'open') dispatch({ type: 'lost', ...here })
      // The stream is open, but has not yet reported whether it resumed.
      if (status !== 'open' || recovered === undefined) return
      dispatch({ type: 'back', complete: recovered !== false, ...here })
    })
    const stopGap = stream.onGap(({ reason }) => {
      dispatch({ type: 'gap', afterId: stream.lastEventId, reason, at: Date.now() })
    })
    return () => {
      stopStatus()
      stopGap()
    }
  }, [stream])

  return outages
}
