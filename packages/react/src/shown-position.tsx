import type { Feed } from '@rivulet/client/binding'
import { useInsertionEffect, useState } from 'react'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'

/**
 * Renders nothing, with every frame that shows events: in the same commit as the components that show them, and before
 * them. So those that are mounted in a commit learn what the others show in it.
 */
export function ShownPosition({ feed }: { feed: Feed }): null {
  const [shown, setShown] = useState({ feed, position: feed.committed })
  useInsertionEffect(() => shown.feed.commit(shown.position), [shown])
  useBrowserLayoutEffect(() => shown.feed.finishCatchUp(), [shown])
  useBrowserLayoutEffect(() => feed.onShow((position) => setShown({ feed, position })), [feed])
  return null
}
