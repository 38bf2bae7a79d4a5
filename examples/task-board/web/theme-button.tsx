import { type ReactElement, useSyncExternalStore } from 'react'
import { Icon } from './icons.js'

type Theme = 'light' | 'dark'

/** Switches the theme: the system's until the user chooses. */
export function ThemeButton(): ReactElement {
  // A server does not know the theme. The browser corrects it when the page is hydrated.
  const theme = useSyncExternalStore<Theme>(subscribe, currentTheme, () => 'light')
  return (
    <button
      type="button"
      className="button button--icon"
      aria-label="Dark theme"
      aria-pressed={theme === 'dark'}
      onClick={() => choose(theme === 'dark' ? 'light' : 'dark')}
    >
      <Icon name={theme === 'dark' ? 'moon' : 'sun'} />
    </button>
  )
}

const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: dark)')
  query.addEventListener('change', listener)
  listeners.add(listener)
  return () => {
    query.removeEventListener('change', listener)
    listeners.delete(listener)
  }
}

function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme as Theme | undefined
  return chosen ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
}

function choose(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  try {
    localStorage.setItem('theme', theme)
  } catch {
    // Storage is disabled, so the choice lasts as long as the page.
  }
  for (const listener of listeners) listener()
}
