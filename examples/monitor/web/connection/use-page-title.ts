import { useEffect } from 'react'

/** Shows a lost connection in the tab's title, where users of another tab see it. */
export function usePageTitle(status: string): void {
  useEffect(() => {
    document.title = status === 'waiting' || status === 'closed' ? '(offline) Monitor' : 'Monitor'
  }, [status])
}
