import { useSyncExternalStore } from 'react'
import { currentTheme, observeTheme, type Theme } from './theme.js'

/** The page's theme. A server does not know it: the browser corrects it when the page is hydrated. */
export function useTheme(): Theme {
  return useSyncExternalStore<Theme>(observeTheme, currentTheme, () => 'light')
}
