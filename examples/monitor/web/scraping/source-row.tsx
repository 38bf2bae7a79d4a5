import type { ReactElement } from 'react'
import type { SourceState } from '../../shared/events.js'
import { formatDuration } from '../format.js'
import { Icon, type IconName } from '../icons.js'

const icons: Record<SourceState['status'], IconName> = {
  waiting: 'dot',
  fetching: 'down',
  completed: 'check',
  error: 'cross',
}

export function SourceRow({ source, interrupted }: { source: SourceState; interrupted: boolean }): ReactElement {
  const { url, status, proxies, durationMs, error } = source
  const reading = status === 'fetching' && !interrupted
  return (
    <li className={`source source--${reading ? 'fetching' : status === 'fetching' ? 'waiting' : status}`}>
      <Icon name={reading ? 'down' : status === 'fetching' ? 'dot' : icons[status]} />
      <span className="source__name" title={url}>
        {shortName(url)}
      </span>
      <span className="source__result" title={error}>
        {status === 'completed' && `${proxies} found`}
        {status === 'error' && error}
        {status === 'waiting' && 'waiting'}
        {status === 'fetching' && (reading ? 'reading' : 'not finished')}
      </span>
      <span className="source__time">{durationMs !== undefined && formatDuration(durationMs)}</span>
    </li>
  )
}

/** Path of one of our own pages; for others with the host. */
function shortName(url: string): string {
  const { host, pathname, port } = new URL(url)
  const own = port === location.port && (host === location.host || host.startsWith('localhost'))
  return own ? pathname.replace(/^\/demo-sources\//, '') : host + pathname
}
