import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'
import { codeBlocks, compile, makeFolder } from './code-blocks.js'
import { contract } from './docs-sample.js'

const docs = join(root, 'docs')

/** Modules that the pages import and the repository does not install, as far as the pages use them. */
const ambientModules = `
declare module '*.vue'
declare module 'react-native' {
  export type AppStateStatus = 'active' | 'background' | 'inactive' | 'unknown' | 'extension'
  export const AppState: {
    readonly currentState: AppStateStatus
    addEventListener(type: 'change', listener: (state: AppStateStatus) => void): { remove(): void }
  }
  export function Text(props: { children?: unknown }): import('react').ReactElement
}
declare module 'expo/fetch' {
  // As in SDK 52. Later versions accept more.
  interface FetchRequestInit {
    body?: BodyInit | null
    credentials?: RequestCredentials
    headers?: HeadersInit
    method?: string
    signal?: AbortSignal | null
  }
  export function fetch(url: string, init?: FetchRequestInit): Promise<Response>
}
declare module 'expo-sqlite/kv-store' {
  const Storage: { getItemSync(name: string): string | null; setItemSync(name: string, value: string): void }
  export default Storage
}
`
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
let pages: string[]
let folder: string

beforeAll(async () => {
  folder = await makeFolder('docs')
  pages = (await readdir(docs, { recursive: true })).filter(
    // `reference` is generated from the sources.
    (page) => page.endsWith('.md') && !/^reference\b|node_modules|\.vitepress/.test(page),
  )
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe("the docs' pages", () => {
  it('compile, every block by itself', async () => {
    await writeFile(join(folder, 'modules.d.ts'), ambientModules)
    let count = 0
    for (const page of pages) {
      const own = join(folder, page.replaceAll(/[/\\]/g, '-').replace('.md', ''))
      await mkdir(own)
      await writeFile(join(own, 'events.ts'), contract)
      for (const { language, text, line } of codeBlocks(await readFile(join(docs, page), 'utf8'))) {
        if (!['ts', 'tsx', 'js'].includes(language)) continue
        count++
        // On some pages the blocks import each other. They get the name in their first line.
        const named = /^\/\/ ([\w/-]+\.tsx?)\n/.exec(text)?.[1]
        // Shifted down, so that the compiler's line numbers match the page.
        // Blocks without imports become modules too, so that names do not clash.
        const file = join(own, named ?? `line-${line}.${language}`)
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, `${'\n'.repeat(line - 1)}${text}\nexport {}\n`)
      }
    }
    expect(count).toBeGreaterThan(30)
    expect(await compile(folder)).toBe('')
  })
})

describe('pages outside the site', () => {
  it('link to existing files', async () => {
    const folders = ['packages', 'examples'].flatMap((name) =>
      readdirSync(join(root, name)).map((one) => join(name, one)),
    )
    const files = ['.', 'bench', 'runtimes', ...folders].flatMap((name) =>
      readdirSync(join(root, name)).flatMap((file) => (file.endsWith('.md') ? [join(name, file)] : [])),
    )
    expect(files).toContain('README.md')
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8')
      for (const [, link, image] of text.matchAll(/\]\((?!https?:|#)([^)#]+)|src="([^"]+)"/g)) {
        expect(existsSync(join(root, dirname(file), (link ?? image)!)), `${file} → ${link ?? image}`).toBe(true)
      }
      for (const [link] of text.matchAll(new RegExp(`(?<=\\]\\(${repository}/(?:blob|tree)/main/)[^)#]+`, 'g'))) {
        expect(existsSync(join(root, link)), `${file} → ${link}`).toBe(true)
      }
    }
  })
})

describe('the pages of the error codes', () => {
  it('exist for exactly the codes that packages throw', async () => {
    const codes = new Set<string>()
    const sources = (await readdir(join(root, 'packages'), { recursive: true })).filter((file) =>
      /^\w[\w-]*[/\\]src[/\\].*(?<!\.test)\.tsx?$/.test(file),
    )
    for (const file of sources) {
      const source = await readFile(join(root, 'packages', file), 'utf8')
      for (const [, code] of source.matchAll(/static override readonly code = '(RIVULET_\w+)'/g)) codes.add(code!)
    }
    expect(codes.size).toBeGreaterThan(0)
    const documented = pages.flatMap((page) => /^errors[/\\](RIVULET_\w+)\.md$/.exec(page)?.[1] ?? [])
    expect(documented.sort()).toEqual([...codes].sort())
  })

  it('name their code and are in the list', async () => {
    const list = await readFile(join(docs, 'errors/index.md'), 'utf8')
    for (const page of pages.filter((name) => name.startsWith('errors/RIVULET_'))) {
      const code = page.slice('errors/'.length, -'.md'.length)
      expect(await readFile(join(docs, page), 'utf8')).toMatch(new RegExp(`^# ${code}\n`))
      expect(list).toContain(`[\`${code}\`](./${code})`)
    }
  })
})
