import { getCurrentInstance, onMounted, onScopeDispose, type WatchSource, watch } from 'vue'

/**
 * Starts something when the component is mounted, or at once in a scope without a component. Restarts it for each new
 * value of the source, and stops it with the scope. On a server nothing is mounted, so nothing starts.
 */
export function whileMounted<T>(source: WatchSource<T>, start: (value: T) => () => void): void {
  let stop: (() => void) | undefined
  let disposed = false
  const begin = () => {
    if (disposed) return
    stop = watch(source, (value, _, onCleanup) => onCleanup(start(value)), { immediate: true, flush: 'sync' })
  }
  if (getCurrentInstance()) onMounted(begin)
  else begin()
  onScopeDispose(() => {
    disposed = true
    stop?.()
  })
}
