import { describe, expect, it } from 'vitest'
import { logLine, outage } from '../testing.js'
import { countAfter, countLevels, filterLines, insertOutages, keyOf, levels } from './log-entries.js'

const lines = [
  logLine(1, 'GET /a 200'),
  logLine(2, 'POST /b 500', 'error'),
  logLine(3, 'Scrape found 3', 'success'),
  logLine(4, 'get /c 404', 'warning'),
]
const all = new Set(levels)

describe('filterLines', () => {
  it('returns the same list if nothing is filtered', () => {
    expect(filterLines(lines, all, '  ')).toBe(lines)
  })

  it('combines level and text', () => {
    expect(filterLines(lines, new Set(['info', 'warning']), '')).toEqual([lines[0], lines[3]])
    expect(filterLines(lines, all, 'GET')).toEqual([lines[0], lines[3]])
    expect(filterLines(lines, new Set(['info']), 'get')).toEqual([lines[0]])
    expect(filterLines(lines, new Set(), '')).toEqual([])
  })
})

describe('insertOutages', () => {
  const keys = (...outages: Parameters<typeof insertOutages>[1]) => insertOutages(lines, outages).map(keyOf)
  const ids = lines.map(({ id }) => id)

  it('puts each outage behind the last line before it', () => {
    expect(keys(outage(2))).toEqual([ids[0], ids[1], 'outage-2', ids[2], ids[3]])
    expect(keys(outage(0), outage(4))).toEqual(['outage-0', ...ids, 'outage-4'])
    expect(keys(outage(2), outage(2, { key: 'second' }))).toEqual([
      ids[0],
      ids[1],
      'outage-2',
      'second',
      ids[2],
      ids[3],
    ])
  })

  it('finds the place by the position even if the line itself is filtered out', () => {
    const shown = insertOutages([lines[0]!, lines[3]!], [outage(2)])
    expect(shown.map(keyOf)).toEqual([ids[0], 'outage-2', ids[3]])
  })

  it('returns the same list without outages', () => {
    expect(insertOutages(lines, [])).toBe(lines)
  })
})

describe('counts', () => {
  it('counts the lines after a given one, and all lines once it is gone', () => {
    expect(countAfter(lines, lines[1]!.id)).toBe(2)
    expect(countAfter(lines, lines[3]!.id)).toBe(0)
    expect(countAfter(lines, logLine(99).id)).toBe(4)
    expect(countAfter([], undefined)).toBe(0)
  })

  it('counts by level', () => {
    expect(countLevels(lines)).toEqual({ info: 1, success: 1, warning: 1, error: 1 })
  })
})
