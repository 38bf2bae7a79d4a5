import type { ReactElement } from 'react'

/** Makes the server fail on request, to show how the page handles it. */
export function DemoTrouble(): ReactElement {
  // The response does not matter: the effects arrive on the stream.
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
