import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EngineName } from '../../test-support/browsers/driver.js'
import { allChecks } from './matrix.js'

/** Outcomes by check id. */
export type Outcomes = Record<string, 'passed' | 'failed' | 'excepted'>

/** Results of the checks in one engine. They are committed, because the compatibility page is made from them. */
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

/** Writes the results of a run. Checks that did not run keep their results. */
export function writeResults(engine: EngineName, version: string, outcomes: Outcomes): void {
  const known = { ...readResults(engine).checks, ...outcomes }
  const checks = Object.fromEntries(allChecks.flatMap(({ id }) => (known[id] ? [[id, known[id]]] : [])))
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(engine), `${JSON.stringify({ engine, version, checks }, null, 2)}\n`)
}
