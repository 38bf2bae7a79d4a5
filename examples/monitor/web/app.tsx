import { useConnectionStatus, useServerEvents } from '@rivulet/react'
import type { ReactElement } from 'react'
import { events } from '../shared/events.js'
import { useOutages } from './connection/use-outages.js'
import { usePageTitle } from './connection/use-page-title.js'
import { Header } from './header.js'
import { LogPanel } from './log/log-panel.js'
import { MetricsPanel } from './metrics/metrics-panel.js'
import { NotificationsPanel } from './notifications/notifications-panel.js'
import { ScrapingPanel } from './scraping/scraping-panel.js'
import { useTheme } from './use-theme.js'

export function App(): ReactElement {
  const { status } = useConnectionStatus()
  const { theme, toggle } = useTheme()
  const outages = useOutages()
  const { events: system } = useServerEvents(events.system, { limit: 200 })
  const { events: samples } = useServerEvents(events.metrics, { limit: 300 })
  const { latest: run } = useServerEvents(events.scraping_progress, { limit: 1 })
  const serverStartedAt = system.findLast(({ event }) => event === 'server_start')?.timestamp
  usePageTitle(status)

  return (
    <div className="app">
      <Header uptimeSeconds={samples.at(-1)?.uptimeSeconds} theme={theme} onToggleTheme={toggle} />
      <main className="app__main">
        <h1 className="visually-hidden">Server monitor</h1>
        <MetricsPanel samples={samples} live={status === 'open'} theme={theme} />
        <LogPanel outages={outages} />
        <div className="app__aside">
          <ScrapingPanel run={run} serverStartedAt={serverStartedAt} />
          <NotificationsPanel system={system} outages={outages} />
        </div>
      </main>
    </div>
  )
}
