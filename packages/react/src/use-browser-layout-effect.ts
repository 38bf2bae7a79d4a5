import { type DependencyList, type EffectCallback, useEffect, useLayoutEffect } from 'react'

const phases = { page: useLayoutEffect, server: useEffect }

/**
 * Runs an effect before the browser paints, or React Native draws. On a server it is an ordinary effect, as React 18 warns
 * of layout effects there.
 */
export function useBrowserLayoutEffect(effect: EffectCallback, dependencies?: DependencyList): void {
  const isServer = typeof document === 'undefined' && globalThis.navigator?.product !== 'ReactNative'
  phases[isServer ? 'server' : 'page'](effect, dependencies)
}
