import { getCurrentInstance, onMounted, onScopeDispose, type WatchSource, watch } from 'vue'

/**
 * Starts something when the component is mounted (in a scope without a component at once), anew for each value of the
 * source, and stops it with the scope. A server mounts nothing, so nothing starts there.
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
