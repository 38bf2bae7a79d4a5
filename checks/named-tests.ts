import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test-support/root.js'

/** Finds the tests that a page names, as `` `file`: "test", "test" ``, and those that are missing. */
export function namedTests(page: string): { count: number; missing: string[] } {
  const named = Array.from(page.matchAll(/`([\w/.-]+\.test\.tsx?)`: ((?:"[^"]+"(?:, )?)+)/g), ([, file, names]) => ({
    file: file!,
    names: Array.from(names!.matchAll(/"([^"]+)"/g), ([, name]) => name!),
  }))
  const missing = named.flatMap(({ file, names }) => {
    const source = readFileSync(join(root, file), 'utf8')
    return names.filter((name) => !source.includes(`'${name}'`)).map((name) => `${file}: ${name}`)
  })
  return { count: named.length, missing }
}
