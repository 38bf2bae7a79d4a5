import { renderHook } from '@testing-library/react'
import { useEffect, useLayoutEffect } from 'react'
import { afterEach, expect, it, vi } from 'vitest'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'

afterEach(() => vi.unstubAllGlobals())

it.each([
  ['in a page', {}, true],
  ['in React Native', { document: undefined, navigator: { product: 'ReactNative' } }, true],
  ['on a server', { document: undefined, navigator: { userAgent: 'Node.js/26' } }, false],
  ['on a server without a navigator', { document: undefined, navigator: undefined }, false],
])('%s', (_, globals, isLayoutEffect) => {
  const order: string[] = []
  renderHook(() => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
    useBrowserLayoutEffect(() => void order.push('own'), [])
    vi.unstubAllGlobals()
    useLayoutEffect(() => void order.push('layout'), [])
    useEffect(() => void order.push('effect'), [])
  })
  expect(order).toEqual(isLayoutEffect ? ['own', 'layout', 'effect'] : ['layout', 'own', 'effect'])
})
