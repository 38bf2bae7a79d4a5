import type { ReactElement } from 'react'

/** Makes the server fail on request, to see what the page makes of it. */
export function DemoTrouble(): ReactElement {
  // The answer is of no interest: what the request sets off arrives on the stream.
  const post = (path: string): void => void fetch(`/api/demo/${path}`, { method: 'POST' }).catch(() => {})
  return (
    <div className="trouble">
      <span>Try</span>
      <button type="button" className="button" onClick={() => post('error')}>
        Route error
      </button>
      <button type="button" className="button" onClick={() => post('busy')}>
        High load
      </button>
    </div>
  )
}
