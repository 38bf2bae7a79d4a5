import { useEventStream } from '@rivulet/react'
import { useEffect, useReducer } from 'react'
import { type Outage, outagesReducer } from './outages.js'

/** Nothing is lost with one of these events: the next progress tells the whole run, and the charts show their own hole. */
const selfContained: ReadonlySet<string> = new Set(['scraping_progress', 'metrics'])

/** The outages and gaps of the stream since the page was opened, the oldest first. */
export function useOutages(): readonly Outage[] {
  const stream = useEventStream()
  const [outages, dispatch] = useReducer(outagesReducer, [])

  useEffect(() => {
    const stopStatus = stream.onStatusChange(({ status, recovered }, previous) => {
      const here = { afterId: stream.lastEventId, at: Date.now() }
      if (previous.status === 'open' && status !== 'open') dispatch({ type: 'lost', ...here })
      // A stream that is open has yet to say whether it could go on where the last one ended.
      if (status === 'open' && recovered !== undefined)
        dispatch({ type: 'back', complete: recovered !== false, ...here })
    })
    const stopGap = stream.onGap(({ channel, reason }) => {
      if (channel && selfContained.has(channel)) return
      dispatch({ type: 'gap', afterId: stream.lastEventId, reason, at: Date.now() })
    })
    return () => {
      stopStatus()
      stopGap()
    }
  }, [stream])

  return outages
}
