import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'

const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
const linked = Array.from(text.matchAll(/\]\(([^)#]+)\)/g), ([, path]) => path!)
const folders = Array.from(text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/)`/g), ([, path]) => path!)

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
    expect(folders.length).toBeGreaterThan(10)
    expect([...linked, ...folders].filter((path) => !existsSync(join(root, path)))).toEqual([])
    expect(folders.filter((path) => !statSync(join(root, path)).isDirectory())).toEqual([])
  })

  it('describes every room', () => {
    expect(rooms.length).toBeGreaterThan(5)
    expect(rooms.filter((room) => !folders.includes(room))).toEqual([])
  })
})
