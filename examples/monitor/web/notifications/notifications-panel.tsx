import { type ReactElement, useMemo, useState } from 'react'
import type { SystemEvent } from '../../shared/events.js'
import type { Outage } from '../connection/outages.js'
import { formatTime } from '../format.js'
import { Icon, type IconName } from '../icons.js'
import { DemoTrouble } from './demo-trouble.js'
import { type Notice, toNotices } from './notices.js'

const icons: Record<Notice['tone'], IconName> = { good: 'check', notice: 'check', warning: 'alert', error: 'cross' }

export interface NotificationsPanelProps {
  system: readonly SystemEvent[]
  outages: readonly Outage[]
}

export function NotificationsPanel({ system, outages }: NotificationsPanelProps): ReactElement {
  const all = useMemo(() => toNotices(system, outages), [system, outages])
  const [clearedAt, setClearedAt] = useState(0)
  const [openedAt] = useState(Date.now)
  const notices = all.filter(({ at }) => at > clearedAt)
  const news = notices.find(({ at }) => at > openedAt)
  return (
    <section id="notifications" className="panel notifications" aria-labelledby="notifications-title">
      <div className="panel__bar">
        <h2 id="notifications-title">Notifications</h2>
        <button type="button" className="button" onClick={() => setClearedAt(all[0]?.at ?? 0)}>
          Clear
        </button>
      </div>
      {/* Only what is new is read out, not the history that comes with the page. */}
      <p className="visually-hidden" role="status">
        {news && `${news.title}. ${news.text}`}
      </p>
      {notices.length === 0 ? (
        <p className="empty">Nothing to tell.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
        <ul className="notices" tabIndex={0} aria-labelledby="notifications-title">
          {notices.map(({ key, tone, title, text, at, count }) => (
            <li key={key} className={`notice notice--${tone}`}>
              <Icon name={icons[tone]} />
              <p className="notice__title">
                {title}
                {count > 1 && (
                  <span className="badge">
                    <span aria-hidden="true">×</span>
                    {count}
                    <span className="visually-hidden"> times</span>
                  </span>
                )}
              </p>
              <time className="notice__time" dateTime={new Date(at).toISOString()}>
                {formatTime(at)}
              </time>
              <p className="notice__text">{text}</p>
            </li>
          ))}
        </ul>
      )}
      <DemoTrouble />
    </section>
  )
}
