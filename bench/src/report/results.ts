import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { outputFolder, resultsFolder } from '../paths.js'
import type { Budget } from './budget.js'

export interface Results<Measured> {
  readonly part: string
  readonly date: string
  readonly quick: boolean
  readonly machine: { readonly node: string; readonly cpu: string; readonly cores: number; readonly memoryGiB: number }
  readonly budgets: readonly Budget[]
  readonly measured: Measured
}

/** Writes the results of a part. Only a full run writes to the committed folder. */
export function writeResults<Measured>(
  part: string,
  quick: boolean,
  measured: Measured,
  budgets: readonly Budget[],
): void {
  const results: Results<Measured> = {
    part,
    date: new Date().toISOString(),
    quick,
    machine: machine(),
    budgets,
    measured,
  }
  const file = join(quick ? outputFolder : resultsFolder, `${part}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  console.log(`\n→ ${file}`)
}

export function readResults<Measured>(file: string): Results<Measured> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results<Measured>
  } catch {
    return undefined
  }
}

function machine(): Results<unknown>['machine'] {
  const [cpu] = cpus()
  return {
    node: process.version,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  }
}
