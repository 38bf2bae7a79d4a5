export type Theme = 'light' | 'dark'

const key = 'theme'
const listeners = new Set<() => void>()

/** The page's theme: the user's choice, or the system's. The script in index.html has applied an earlier choice. */
export function currentTheme(): Theme {
  return (document.documentElement.style.colorScheme as Theme | '') || systemTheme()
}

/** Switches between light and dark, and remembers it. Back at the system's theme, the page follows the system again. */
export function toggleTheme(): void {
  const next = currentTheme() === 'dark' ? 'light' : 'dark'
  const choice = next === systemTheme() ? '' : next
  try {
    if (choice) localStorage.setItem(key, choice)
    else localStorage.removeItem(key)
  } catch {
    // Storage is disabled, so the choice lasts as long as the page.
  }
  apply(choice)
}

/** Calls the listener after each change, by this page, another tab or the system. Returns a function that stops it. */
export function observeTheme(listener: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const onStorage = (event: StorageEvent): void => {
    if (event.key === key) apply((event.newValue ?? '') as Theme | '')
  }
  listeners.add(listener)
  system.addEventListener('change', listener)
  addEventListener('storage', onStorage)
  return () => {
    listeners.delete(listener)
    system.removeEventListener('change', listener)
    removeEventListener('storage', onStorage)
  }
}

/** An inline style, because it holds even before the stylesheet is loaded. */
function apply(choice: Theme | ''): void {
  document.documentElement.style.colorScheme = choice
  for (const listener of listeners) listener()
}

function systemTheme(): Theme {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}
