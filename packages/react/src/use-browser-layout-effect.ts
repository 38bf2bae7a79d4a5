import { type DependencyList, type EffectCallback, useEffect, useLayoutEffect } from 'react'

const phases = { page: useLayoutEffect, server: useEffect }

/** Has an effect before the browser paints. A server has no layout, and React 18 warns of its effects there. */
export function useBrowserLayoutEffect(effect: EffectCallback, dependencies: DependencyList): void {
  phases[typeof document === 'undefined' ? 'server' : 'page'](effect, dependencies)
}
