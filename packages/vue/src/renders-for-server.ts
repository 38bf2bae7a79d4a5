import { getCurrentInstance, inject, ssrContextKey } from 'vue'

/**
 * Tells whether the first render of the component may only show what a server knows: on a server, and while hydrating a
 * page from one. Call it in `setup`.
 */
export function rendersForServer(): boolean {
  const instance = getCurrentInstance()
  if (!instance) return false
  // Only a hydrated component has an element before it is mounted. Vue itself decides by that.
  return instance.vnode.el !== null || inject(ssrContextKey, undefined) !== undefined
}
