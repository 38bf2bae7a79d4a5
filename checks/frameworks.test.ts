// @vitest-environment jsdom
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compile } from 'svelte/compiler'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { root } from '../test-support/root.js'
import { codeBlocks, makeFolder } from './code-blocks.js'
import { contract } from './docs-sample.js'

// The samples of the guide run in a page, with the real frameworks.

/** Module in place of the guide's `stores.js`: the same stores, of a stream that the test controls. */
const stores = `
import { StreamStores } from '@rivulet/client/store'
import { FakeStream } from '@rivulet/testing'
import { events } from './events.js'

export const fake = new FakeStream(events)
export const stores = new StreamStores(fake.service)
`

/** Module of the test's own, for what a page of the framework would do. */
const pages = {
  svelte: `
    import { flushSync, mount, unmount } from 'svelte'
    import Log from './log.svelte.js'
    export { fake } from './stores.js'
    export function show(target) {
      const log = mount(Log, { target })
      flushSync()
      return () => unmount(log)
    }
    export const text = (target) => {
      flushSync()
      return [...target.querySelectorAll('p')].map((line) => line.textContent).join(' | ')
    }`,
  solid: `
    import { createEffect, createRoot } from 'solid-js'
    import { createLog } from './create-log.js'
    export { fake } from './stores.js'
    export const show = (target) =>
      createRoot((dispose) => {
        const log = createLog()
        createEffect(() => {
          target.textContent = log().join(' | ')
        })
        return dispose
      })`,
  angular: `
    import { createEnvironmentInjector, runInInjectionContext } from '@angular/core'
    import { LogState } from './log-state.js'
    export { fake } from './stores.js'
    let state
    export function show() {
      const injector = createEnvironmentInjector([], null)
      state = runInInjectionContext(injector, () => new LogState())
      return () => injector.destroy()
    }
    export const text = () => state.level() + ' ' + state.count()`,
  rxjs: `
    import { level$ } from './log-observable.js'
    import { stores } from './stores.js'
    export { fake } from './stores.js'
    export function show(target) {
      const close = stores.open()
      const subscription = level$.subscribe((level) => {
        target.textContent = level
      })
      return () => {
        subscription.unsubscribe()
        close()
      }
    }`,
  preact: `
    import { h, render } from 'preact'
    import { act } from 'preact/test-utils'
    import { Log } from './log.jsx'
    export { fake } from './stores.js'
    export function show(target) {
      act(() => render(h(Log), target))
      return () => act(() => render(null, target))
    }
    export const update = (draw) => act(draw)
    export const text = (target) => [...target.querySelectorAll('p')].map((line) => line.textContent).join(' | ')`,
  plain: `
    import { showLog } from './plain.js'
    export { fake } from './stores.js'
    export const show = showLog`,
}

interface Page {
  readonly fake: {
    readonly service: { readonly status: string }
    connect(): Promise<void>
    push(type: string, payload: object): Promise<void>
    flush(): void
  }
  /** Shows the sample in an element. Returns what ends it. */
  show(target: HTMLElement): () => void
  text?(target: HTMLElement): string
  update?(draw: () => void): Promise<void> | void
}

let folder: string

beforeAll(async () => {
  folder = await makeFolder('frameworks')
  const blocks = codeBlocks(await readFile(join(root, 'docs/guide/frameworks.md'), 'utf8'))
  for (const { language, text } of blocks) {
    const name = /^\/\/ ([\w-]+\.tsx?)\n/.exec(text)?.[1]
    if (name) await writeFile(join(folder, name), text)
    if (language === 'svelte')
      await writeFile(join(folder, 'log.svelte.js'), compile(text, { generate: 'client' }).js.code)
  }
  await writeFile(join(folder, 'stores.ts'), stores)
  await writeFile(join(folder, 'events.ts'), contract)
  await writeFile(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "target": "es2022" } }')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Bundles a page as an application would: with the frameworks' builds for browsers. */
async function load(name: keyof typeof pages): Promise<Page> {
  const outfile = join(folder, `${name}-bundle.mjs`)
  await writeFile(join(folder, `${name}-page.js`), pages[name])
  // As a process of its own, because esbuild does not run in jsdom.
  await promisify(execFile)(join(root, 'node_modules/.bin/esbuild'), [
    join(folder, `${name}-page.js`),
    `--outfile=${outfile}`,
    '--bundle',
    '--format=esm',
    '--jsx=automatic',
    '--platform=browser',
    '--conditions=@rivulet/source,browser,development',
    '--log-level=error',
  ])
  return import(/* @vite-ignore */ outfile)
}

describe('the sample for', () => {
  it.each([
    ['svelte', 'open, 1 errors | a | b'],
    ['solid', 'a | b'],
    ['angular', 'error 2'],
    ['rxjs', 'error'],
    ['preact', 'a | b'],
    ['plain', 'open: b'],
  ] as const)('%s shows the events, and closes the stream at its end', async (name, expected) => {
    const { fake, show, text, update } = await load(name)
    const target = document.createElement('div')
    document.body.append(target)
    onTestFinished(() => target.remove())
    const stop = show(target)
    await fake.connect()
    await fake.push('log', { level: 'info', message: 'a' })
    await fake.push('log', { level: 'error', message: 'b' })
    const draw = () => fake.flush()
    await (update ? update(draw) : draw())
    expect(text ? text(target) : target.textContent).toBe(expected)
    expect(fake.service.status).toBe('open')
    stop()
    await Promise.resolve()
    expect(fake.service.status).toBe('closed')
  })
})
