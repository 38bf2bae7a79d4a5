import { useEffect, useState } from 'react'

export type Theme = 'light' | 'dark'

/** The current theme: the chosen one, or the system's until the user chooses. */
export function useTheme(): { theme: Theme; toggle: () => void } {
  const [chosen, setChosen] = useState(() => document.documentElement.dataset.theme as Theme | undefined)
  const [system, setSystem] = useState(systemTheme)

  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const update = (): void => setSystem(systemTheme())
    query.addEventListener('change', update)
    return () => query.removeEventListener('change', update)
  }, [])

  const theme = chosen ?? system
  const toggle = (): void => {
    const next = theme === 'dark' ? 'light' : 'dark'
    document.documentElement.dataset.theme = next
    setChosen(next)
    try {
      localStorage.setItem('theme', next)
    } catch {
      // Storage is disabled, so the choice lasts as long as the page.
    }
  }
  return { theme, toggle }
}

function systemTheme(): Theme {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}
