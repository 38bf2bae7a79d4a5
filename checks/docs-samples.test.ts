import { describe, expect, it } from 'vitest'
import { runSample } from './docs-sample.js'

describe('samples of the docs run, and print what they say:', () => {
  it('an event that does not fit', async () => {
    const [[issues]] = (await runSample('guide/contracts.md', 'EventValidationError')) as [[unknown]]
    expect(issues).toMatchObject([{ path: ['level'] }, { path: ['message'] }])
  })

  it('a schema that transforms', async () => {
    expect(await runSample('guide/contracts.md', '.transform(')).toEqual([])
  })

  it('revoking', async () => {
    expect(await runSample('guide/channels.md', 'streams closed')).toEqual([['0 streams closed']])
  })

  it('the nodes', async () => {
    expect(await runSample('guide/presence.md', 'manager.nodes()')).toEqual([])
  })

  it('telling clients who is there', async () => {
    expect(await runSample('guide/presence.md', 'await manager.presence(channel)')).toEqual([])
  })

  it('an application under test, with msw', async () => {
    expect(await runSample('guide/testing.md', 'mockEventStream')).toEqual([])
  })

  it('a server under test', async () => {
    expect(await runSample('guide/testing.md', 'handleEventStream')).toEqual([['hello']])
  })
})
