import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import { buildPackages } from '../build.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { printTable } from '../report/table.js'
import { coreParts, printParts, reactParts } from './parts.js'
import { shipped } from './shipped.js'

export interface SizeRow {
  readonly name: string
  readonly minified: number
  readonly gzipped: number
  /** Target size, in gzipped bytes. */
  readonly limit?: number | undefined
  /** Maximum size: with `--check`, more is an error. */
  readonly ceiling?: number | undefined
}

interface Subject {
  readonly name: string
  readonly code: string
  readonly external?: readonly string[]
  /** Packages that an application has anyway. Only code on top of them counts. */
  readonly onTopOf?: string
  /** Leaves out the code that is loaded on demand: the connection that tabs share. */
  readonly withoutLazy?: boolean
  readonly limit?: number
  readonly ceiling?: number
}

const client = `export * from '@rivulet/client'`
const core = `export { createEventStream } from '@rivulet/client/core'`
const reactOnTop = `${client}; export { SSEProvider, useServerEvents } from '@rivulet/react'`

const subjects: readonly Subject[] = [
  {
    name: 'rivulet: decode alone',
    code: `export { createDecoder } from '@rivulet/core'`,
    limit: 1_600,
    ceiling: 1_950,
  },
  {
    name: 'rivulet: core of the client',
    code: core,
    limit: 6_000,
    ceiling: 10_380,
  },
  { name: 'rivulet: client, all features', code: client, limit: 10_500, ceiling: 21_260 },
  {
    name: 'rivulet: client, while no code is loaded on demand',
    code: client,
    withoutLazy: true,
    ceiling: 16_930,
  },
  {
    name: 'rivulet: react on top, provider and useServerEvents',
    code: reactOnTop,
    external: ['react', 'react-dom'],
    onTopOf: client,
    limit: 2_000,
    ceiling: 4_900,
  },
  {
    name: 'rivulet: react on top, everything',
    code: `${client}; export * from '@rivulet/react'`,
    external: ['react', 'react-dom'],
    onTopOf: client,
    ceiling: 9_060,
  },
  {
    name: 'rivulet: vue on top, plugin and useServerEvents',
    code: `${client}; export { rivulet, useServerEvents } from '@rivulet/vue'`,
    external: ['vue'],
    onTopOf: client,
    ceiling: 5_730,
  },
  {
    name: 'rivulet: vue on top, everything',
    code: `${client}; export * from '@rivulet/vue'`,
    external: ['vue'],
    onTopOf: client,
    ceiling: 9_280,
  },
  {
    name: 'rivulet: chat transport on top',
    code: `${client}; export * from '@rivulet/ai/ai-sdk-transport'`,
    onTopOf: client,
    ceiling: 1_740,
  },
  { name: 'eventsource-parser 4.1.3', code: `export { createParser } from 'eventsource-parser'` },
  { name: 'eventsource-parser 3.1.1', code: `export { createParser } from 'eventsource-parser-3'` },
  { name: 'eventsource 4.1.1', code: `export { EventSource } from 'eventsource'` },
  { name: 'eventsource-client 1.2.0', code: `export { createEventSource } from 'eventsource-client'` },
  {
    name: '@microsoft/fetch-event-source 2.0.1',
    code: `export { fetchEventSource } from '@microsoft/fetch-event-source'`,
  },
  { name: 'event-source-plus 0.1.15', code: `export { EventSourcePlus } from 'event-source-plus'` },
  { name: 'extended-eventsource 2.1.0', code: `export { EventSource } from 'extended-eventsource'` },
]

export async function runSize({ quick, check }: { quick: boolean; check: boolean }): Promise<void> {
  buildPackages('core', 'client', 'react', 'vue', 'ai')
  const rows: SizeRow[] = []
  for (const subject of subjects) rows.push(await measure(subject))
  printTable(
    'Size in bytes',
    ['', 'minified', 'gzip -9'],
    rows.map(({ name, minified, gzipped }) => [
      name,
      minified.toLocaleString('en-US'),
      gzipped.toLocaleString('en-US'),
    ]),
  )
  const budgets = rows.flatMap(({ name, gzipped, limit }) =>
    limit === undefined ? [] : [atMost(name, gzipped / 1e3, limit / 1e3, 'kB')],
  )
  await printParts('The core of the client, minified, by its parts', coreParts, core)
  await printParts('React on top, minified, by its parts', reactParts, reactOnTop, client)
  printBudgets(budgets)
  writeResults('size', quick, rows, budgets)
  if (!check) return
  for (const { name, gzipped, ceiling } of rows) {
    if (ceiling === undefined || gzipped <= ceiling) continue
    console.error(`${name} has grown to ${gzipped} bytes, over its ceiling of ${ceiling} (bench/src/size/run.ts).`)
    process.exitCode = 1
  }
}

/** Bundled as an application would ship it, in one file, so that code loaded on demand counts too. */
async function measure({ name, code, external, onTopOf, withoutLazy, limit, ceiling }: Subject): Promise<SizeRow> {
  const whole = await bundle(code, external, withoutLazy)
  const base = onTopOf ? await bundle(onTopOf, external) : { minified: 0, gzipped: 0 }
  return { name, minified: whole.minified - base.minified, gzipped: whole.gzipped - base.gzipped, limit, ceiling }
}

async function bundle(
  code: string,
  external: readonly string[] = [],
  withoutLazy = false,
): Promise<Pick<SizeRow, 'minified' | 'gzipped'>> {
  const { outputFiles } = await build({
    ...shipped(code),
    external: [...external],
    plugins: withoutLazy ? [lazyImportsStayOut] : [],
  })
  const { contents } = outputFiles[0]!
  return { minified: contents.length, gzipped: gzipSync(contents, { level: 9 }).length }
}

const lazyImportsStayOut: Plugin = {
  name: 'lazy imports stay out',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    )
  },
}
