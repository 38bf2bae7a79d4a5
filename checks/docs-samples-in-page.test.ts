// @vitest-environment jsdom
import { describe, expect, it } from 'vitest'
import { runSample } from './docs-sample.js'

describe('samples of the docs run in a page:', () => {
  it('a component under test', async () => {
    expect(await runSample('guide/testing.md', 'fake.drop()')).toEqual([])
    expect(document.body.textContent).toBe('open: hello')
  })

  it('the example of the testing package', async () => {
    document.body.replaceChildren()
    expect(await runSample('../packages/testing/README.md', 'fake.drop()')).toEqual([])
    expect(document.body.textContent).toBe('missed')
  })

  it('a binding for stores, and its test', async () => {
    expect(await runSample('guide/bindings.md', 'new FakeStream(')).toEqual([
      [['b', 'c']],
      [3],
      ['rivulet-indicator rivulet-indicator--waiting', 'Reconnecting', 'Retry'],
    ])
  })

  it('a component with its provider', async () => {
    document.body.replaceChildren()
    expect(await runSample('errors/RIVULET_MISSING_STREAM.md', 'wrapper')).toEqual([])
    expect(document.body.textContent).toBe('…')
  })
})
