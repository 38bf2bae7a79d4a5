import type { StreamBinding } from '@rivulet/client/binding'
import { useInsertionEffect, useState } from 'react'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'

/**
 * Renders nothing. Tells the binding which events the page shows: it renders with every frame, in the same commit as
 * the components that show events and before them. A component mounted in that commit so catches up with the others at
 * once.
 */
export function CommitMarker({ binding }: { binding: StreamBinding }): null {
  const [shown, setShown] = useState({ binding, count: binding.committed })
  useInsertionEffect(() => shown.binding.commit(shown.count), [shown])
  useBrowserLayoutEffect(() => shown.binding.finishCatchUp(), [shown])
  useBrowserLayoutEffect(() => binding.onShow((count) => setShown({ binding, count })), [binding])
  return null
}
