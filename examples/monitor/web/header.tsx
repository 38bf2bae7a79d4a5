import { SSEConnectionIndicator } from '@rivulet/react'
import type { ReactElement } from 'react'
import { formatUptime } from './format.js'
import { Icon } from './icons.js'
import type { Theme } from './use-theme.js'

export interface HeaderProps {
  uptimeSeconds: number | undefined
  theme: Theme
  onToggleTheme: () => void
}

export function Header({ uptimeSeconds, theme, onToggleTheme }: HeaderProps): ReactElement {
  return (
    <header className="header">
      <span className="header__brand">
        <Icon name="waves" />
        Monitor
      </span>
      <span className="header__facts">
        <span>{location.host}</span>
        {uptimeSeconds !== undefined && <span>up {formatUptime(uptimeSeconds)}</span>}
      </span>
      <SSEConnectionIndicator className="header__indicator" />
      <button
        type="button"
        className="button button--icon"
        aria-label="Dark theme"
        aria-pressed={theme === 'dark'}
        onClick={onToggleTheme}
      >
        <Icon name={theme === 'dark' ? 'moon' : 'sun'} />
      </button>
    </header>
  )
}
