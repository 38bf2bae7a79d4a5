import { SSEConnectionIndicator, useConnectionStatus, useServerEvents } from '@rivulet/react'
import type { ReactElement } from 'react'
import { events } from '../shared/events.js'
import { useOutages } from './connection/use-outages.js'
import { usePageTitle } from './connection/use-page-title.js'
import { formatUptime } from './format.js'
import { LogPanel } from './log/log-panel.js'
import { PageHeader } from './look/page-header.js'
import { MetricsPanel } from './metrics/metrics-panel.js'
import { NotificationsPanel } from './notifications/notifications-panel.js'
import { ScrapingPanel } from './scraping/scraping-panel.js'

export function App(): ReactElement {
  const { status } = useConnectionStatus()
  const outages = useOutages()
  const { events: system } = useServerEvents(events.system, { limit: 200 })
  const { events: samples } = useServerEvents(events.metrics, { limit: 300 })
  const { latest: run } = useServerEvents(events.scraping_progress, { limit: 1 })
  const uptimeSeconds = samples.at(-1)?.uptimeSeconds
  const serverStartedAt = system.findLast(({ event }) => event === 'server_start')?.timestamp
  usePageTitle(status)

  return (
    <div className="app">
      <PageHeader name="Monitor" indicator={<SSEConnectionIndicator />}>
        <span className="header__fact">{location.host}</span>
        {uptimeSeconds !== undefined && <span className="header__fact">up {formatUptime(uptimeSeconds)}</span>}
      </PageHeader>
      <main className="app__main">
        <MetricsPanel samples={samples} live={status === 'open'} />
        <LogPanel outages={outages} />
        <div className="app__aside">
          <ScrapingPanel run={run} serverStartedAt={serverStartedAt} />
          <NotificationsPanel system={system} outages={outages} />
        </div>
      </main>
    </div>
  )
}
