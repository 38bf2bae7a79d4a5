import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EngineName } from './driver.js'
import { allChecks } from './matrix.js'

/** By the id of the check. */
export type Outcomes = Record<string, 'passed' | 'failed' | 'excepted'>

/** What the checks came to in one engine. Committed: the compatibility page is made of it. */
export interface Results {
  readonly engine: EngineName
  readonly version: string
  readonly checks: Outcomes
}

const folder = fileURLToPath(new URL('results/', import.meta.url))
const fileOf = (engine: EngineName) => `${folder}${engine.toLowerCase()}.json`

export function readResults(engine: EngineName): Results {
  const file = fileOf(engine)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { engine, version: '', checks: {} }
}

/** Writes what a run came to. Checks that it left out keep their results. */
export function writeResults(engine: EngineName, version: string, outcomes: Outcomes): void {
  const known = { ...readResults(engine).checks, ...outcomes }
  const checks = Object.fromEntries(allChecks.flatMap(({ id }) => (known[id] ? [[id, known[id]]] : [])))
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(engine), `${JSON.stringify({ engine, version, checks }, null, 2)}\n`)
}
