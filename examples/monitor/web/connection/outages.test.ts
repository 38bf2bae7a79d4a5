import { describe, expect, it } from 'vitest'
import { describeOutage } from './describe-outage.js'
import { type Outage, type OutageAction, outagesReducer } from './outages.js'

function play(...actions: OutageAction[]): readonly Outage[] {
  return actions.reduce(outagesReducer, [])
}

describe('outagesReducer', () => {
  it('describes an outage after which nothing was missing', () => {
    const lost: OutageAction = { type: 'lost', afterId: 'a1', at: 1_000 }
    expect(play(lost)).toMatchObject([{ afterId: 'a1', lostAt: 1_000, backAt: undefined, complete: undefined }])
    expect(play(lost, { type: 'back', complete: true, afterId: 'a1', at: 5_100 })).toMatchObject([
      { afterId: 'a1', lostAt: 1_000, backAt: 5_100, complete: true, reason: undefined },
    ])
  })

  it('counts as one outage, however many attempts fail', () => {
    const outages = play(
      { type: 'lost', afterId: 'a1', at: 1 },
      { type: 'lost', afterId: 'a1', at: 2 },
      { type: 'back', complete: true, afterId: 'a1', at: 3 },
      { type: 'back', complete: true, afterId: 'a2', at: 4 },
    )
    expect(outages).toMatchObject([{ lostAt: 1, backAt: 3, afterId: 'a1' }])
  })

  it('attributes gaps at the start of the stream to the previous outage', () => {
    const outages = play(
      { type: 'lost', afterId: 'a1', at: 1 },
      { type: 'back', complete: false, afterId: 'a3', at: 3 },
      { type: 'gap', reason: 'restarted', afterId: 'a4', at: 4 },
      { type: 'gap', reason: 'restarted', afterId: 'a4', at: 4 },
    )
    expect(outages).toMatchObject([{ lostAt: 1, backAt: 3, complete: false, reason: 'restarted', afterId: 'a4' }])
  })

  it('accepts a gap that arrives before the stream is reported open', () => {
    const outages = play(
      { type: 'lost', afterId: 'a1', at: 1 },
      { type: 'gap', reason: 'trimmed', afterId: 'a1', at: 2 },
      { type: 'back', complete: true, afterId: 'a1', at: 3 },
    )
    expect(outages).toMatchObject([{ backAt: 3, complete: false, reason: 'trimmed' }])
  })

  it('lists a gap in an open stream separately', () => {
    const outages = play(
      { type: 'lost', afterId: 'a1', at: 1 },
      { type: 'back', complete: true, afterId: 'a1', at: 2 },
      { type: 'gap', reason: 'lagged', afterId: 'b7', at: 9 },
    )
    expect(outages).toHaveLength(2)
    expect(outages[1]).toMatchObject({ afterId: 'b7', lostAt: 9, backAt: 9, complete: false, reason: 'lagged' })
  })

  it('keeps the latest fifty, each with its own key', () => {
    const actions = Array.from({ length: 60 }, (_, at): OutageAction[] => [
      { type: 'lost', afterId: String(at), at },
      { type: 'back', complete: true, afterId: String(at), at },
    ])
    const outages = play(...actions.flat())
    expect(outages).toHaveLength(50)
    expect(outages.at(-1)!.lostAt).toBe(59)
    expect(new Set(outages.map(({ key }) => key)).size).toBe(50)
  })
})

describe('describeOutage', () => {
  const lost = play({ type: 'lost', afterId: 'a', at: 1_000 })
  const back = (complete: boolean) => outagesReducer(lost, { type: 'back', complete, afterId: 'a', at: 5_100 })

  it('states the known facts', () => {
    expect(describeOutage(lost[0]!)).toMatch(/^Connection lost at \d\d:\d\d:\d\d\. Trying again\.$/)
    expect(describeOutage(back(true)[0]!)).toBe('Reconnected after 4.1 s. Nothing was missed.')
    expect(describeOutage(back(false)[0]!)).toBe('Reconnected after 4.1 s. Some events may be missing.')
    const restarted = outagesReducer(back(false), { type: 'gap', reason: 'restarted', afterId: 'a', at: 5_200 })
    expect(describeOutage(restarted[0]!)).toMatch(/^Reconnected after 4.1 s. The server restarted/)
    const lagged = play({ type: 'gap', reason: 'lagged', afterId: 'a', at: 1 })
    expect(describeOutage(lagged[0]!)).toMatch(/^Gap\. This page read too slowly/)
  })
})
