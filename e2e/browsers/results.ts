import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EngineName } from './driver.js'

/** What a run of all checks in one engine came to. Committed: the compatibility page is made of it. */
export interface Results {
  readonly engine: EngineName
  readonly version: string
  /** By `<group>: <name>`. */
  readonly checks: Readonly<Record<string, 'passed' | 'failed' | 'excepted'>>
}

const folder = fileURLToPath(new URL('results/', import.meta.url))
const fileOf = (engine: EngineName) => `${folder}${engine.toLowerCase()}.json`

export function readResults(engine: EngineName): Results {
  return JSON.parse(readFileSync(fileOf(engine), 'utf8'))
}

export function writeResults(results: Results): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(results.engine), `${JSON.stringify(results, null, 2)}\n`)
}
