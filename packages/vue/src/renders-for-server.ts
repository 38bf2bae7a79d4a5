import { getCurrentInstance, inject, ssrContextKey } from 'vue'

/**
 * Whether the first render of the component has to be what a server can know: on a server, and where a page that came from
 * one is hydrated. To be called in `setup`.
 */
export function rendersForServer(): boolean {
  const instance = getCurrentInstance()
  if (!instance) return false
  // A component that is mounted finds no element, one that is hydrated does: Vue itself decides by that.
  return instance.vnode.el !== null || inject(ssrContextKey, undefined) !== undefined
}
