import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'

const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
const linked = linksOf(text)
/** Rows of the tables, as cells. */
const rows = Array.from(text.matchAll(/^\| (.+) \|$/gm), ([, row]) => row!.split(' | '))
const folders = Array.from(text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/)`/g), ([, path]) => path!)
/** Rooms that the row of their package names without its path. */
const named = rows.flatMap(([source, list]) => {
  const path = /^`(packages\/[\w-]+\/src\/)`$/.exec(source!)?.[1]
  return path && list ? Array.from(list.matchAll(/`([\w-]+\/)`/g), ([, room]) => `${path}${room}`) : []
})
const paths = [...folders.filter((path) => !named.some((room) => room.endsWith(`/src/${path}`))), ...named]

/** Folders of the packages' sources. */
const rooms = readdirSync(join(root, 'packages')).flatMap((name) => {
  const source = `packages/${name}/src`
  if (!existsSync(join(root, source))) return []
  return readdirSync(join(root, source), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${source}/${entry.name}/`)
})

describe('ARCHITECTURE.md', () => {
  it('names files and folders that exist', () => {
    expect(linked.length).toBeGreaterThan(20)
    expect(paths.length).toBeGreaterThan(20)
    expect([...linked, ...paths].filter((path) => !existsSync(join(root, path)))).toEqual([])
    expect(paths.filter((path) => !statSync(join(root, path)).isDirectory())).toEqual([])
  })

  it('describes every package and every room', () => {
    expect(rooms.length).toBeGreaterThan(5)
    expect(rooms.filter((room) => !paths.includes(room))).toEqual([])
  })

  it('shows the way of an event and the rooms on one screen', () => {
    const screen = text.slice(0, text.indexOf('\n## Where to look'))
    expect(screen).toContain('## The way of an event')
    expect(screen).toContain('## Rooms')
    expect(screen.split('\n').length).toBeLessThanOrEqual(45)
  })

  it.each([
    ['Where is a slow client noticed?', ['outlet.ts', 'stall-watch.ts']],
    ['What decides whether a resume is continuous?', ['join.ts', 'channel-log.ts']],
    ['Where does `Retry-After` count?', ['transport.ts', 'retry-policy.ts']],
    ['What happens when a leading tab is closed?', ['election.ts', 'shared-leader.ts']],
  ])('answers: %s', (question, files) => {
    const answer = rows.find(([asked]) => asked === question)![1]!
    for (const file of files) expect(linksOf(answer).some((path) => path.endsWith(`/${file}`))).toBe(true)
  })

  it('sends readers with a question to files that begin by saying what they do', () => {
    const files = new Set(linksOf(text.slice(text.indexOf('## Where to look'), text.indexOf('## Words'))))
    expect(files.size).toBeGreaterThan(15)
    const mute = Array.from(files).filter((file) => {
      const code = readFileSync(join(root, file), 'utf8').replace(/^import [^']*'[^']+'\n/gm, '')
      return !/^\n*\/\/ [A-Z]/.test(code)
    })
    expect(mute).toEqual([])
  })
})

function linksOf(markdown: string): string[] {
  return Array.from(markdown.matchAll(/\]\(([^)#]+)\)/g), ([, path]) => path!)
}
