import { useEffect } from 'react'

/** Tells of a lost connection in the tab's title, where it is seen while another tab is in front. */
export function usePageTitle(status: string): void {
  useEffect(() => {
    document.title = status === 'waiting' || status === 'closed' ? '(offline) Monitor' : 'Monitor'
  }, [status])
}
