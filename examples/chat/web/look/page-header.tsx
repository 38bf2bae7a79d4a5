import type { ReactElement, ReactNode } from 'react'
import { toggleTheme } from './theme.js'
import { useTheme } from './use-theme.js'

export interface PageHeaderProps {
  name: string
  /** Stands before the name. */
  start?: ReactNode
  indicator?: ReactNode
  /** Facts or links between the name and the indicator. */
  children?: ReactNode
}

/** The bar that the examples share: logo, name, the state of the connection, and the theme. */
export function PageHeader({ name, start, indicator, children }: PageHeaderProps): ReactElement {
  return (
    <header className="header">
      {start}
      <h1 className="header__brand">
        <svg className="header__logo" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M1.5 4.5c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0M1.5 8c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0M1.5 11.5c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0" />
        </svg>
        {name}
      </h1>
      <div className="header__middle">{children}</div>
      {indicator}
      <ThemeSwitch />
    </header>
  )
}

/** The stylesheet shows one of its icons, so that a page from a server has the right one before its script runs. */
function ThemeSwitch(): ReactElement {
  const theme = useTheme()
  return (
    <button
      type="button"
      role="switch"
      className="button button--icon theme-switch"
      aria-checked={theme === 'dark'}
      aria-label="Dark theme"
      title="Light or dark"
      onClick={toggleTheme}
    >
      <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path
          className="theme-switch__sun"
          d="M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"
        />
        <path className="theme-switch__moon" d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z" />
      </svg>
    </button>
  )
}
