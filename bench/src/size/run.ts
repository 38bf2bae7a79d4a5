import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { buildPackages } from '../build.js'
import { benchFolder } from '../paths.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { printTable } from '../report/table.js'

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
  readonly limit?: number
  readonly ceiling?: number
}

const client = `export * from '@rivulet/client'`

const subjects: readonly Subject[] = [
  {
    name: 'rivulet: decode alone',
    code: `export { createDecoder } from '@rivulet/core'`,
    limit: 1_200,
    ceiling: 2_000,
  },
  { name: 'rivulet: client, all features', code: client, limit: 6_000, ceiling: 22_220 },
  {
    name: 'rivulet: react on top',
    code: `${client}; export * from '@rivulet/react'`,
    external: ['react', 'react-dom'],
    onTopOf: client,
    limit: 2_000,
    ceiling: 9_150,
  },
  {
    name: 'rivulet: vue on top',
    code: `${client}; export * from '@rivulet/vue'`,
    external: ['vue'],
    onTopOf: client,
    ceiling: 9_370,
  },
  {
    name: 'rivulet: chat transport on top',
    code: `${client}; export * from '@rivulet/ai/ai-sdk-transport'`,
    onTopOf: client,
    ceiling: 2_000,
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
async function measure({ name, code, external = [], onTopOf, limit, ceiling }: Subject): Promise<SizeRow> {
  const whole = await bundle(code, external)
  const base = onTopOf ? await bundle(onTopOf, external) : { minified: 0, gzipped: 0 }
  return { name, minified: whole.minified - base.minified, gzipped: whole.gzipped - base.gzipped, limit, ceiling }
}

async function bundle(code: string, external: readonly string[]): Promise<Pick<SizeRow, 'minified' | 'gzipped'>> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: benchFolder },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: [...external],
    write: false,
    logLevel: 'error',
  })
  const { contents } = outputFiles[0]!
  return { minified: contents.length, gzipped: gzipSync(contents, { level: 9 }).length }
}
