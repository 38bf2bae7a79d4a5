import { getCurrentInstance, inject, ssrContextKey } from 'vue'

/**
 * Returns true if the component's first render must match the server's: on a server, and while hydrating its page. Call it in
 * `setup`.
 */
export function rendersForServer(): boolean {
  const instance = getCurrentInstance()
  if (!instance) return false
  // Only a hydrated component has an element before it is mounted. Vue itself decides by that.
  return instance.vnode.el !== null || inject(ssrContextKey, undefined) !== undefined
}
