import type { ReactElement } from 'react'
import type { LogEvent } from '../../shared/events.js'
import { formatTimeMs } from '../format.js'
import { Icon } from '../icons.js'

/** All fields of a line. */
export function LogDetails({ line, onClose }: { line: LogEvent; onClose: () => void }): ReactElement {
  return (
    <div className="log-details">
      <div className="log-details__facts">
        <span className={`level level--${line.level}`}>{line.level}</span>
        <span>{formatTimeMs(line.timestamp)}</span>
        <span>{line.source}</span>
        <span title="Event id">{line.id}</span>
        <button type="button" className="button button--icon log-details__close" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section className="log-details__body" tabIndex={0} aria-label="Selected line">
        <p className="log-details__message">{line.message}</p>
        {line.data && <pre className="log-details__data">{formatData(line.data)}</pre>}
      </section>
    </div>
  )
}

/** JSON with a stack's line breaks shown as line breaks. */
function formatData(data: Record<string, unknown>): string {
  return JSON.stringify(data, null, 2).replaceAll('\\n', '\n      ')
}
