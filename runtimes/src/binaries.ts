import { npmBinary } from '../../test-support/npm-binary.js'

/** Runtimes under test, besides the Node.js that runs the tests. The versions are exact, so that runs are repeatable. */
const packages = {
  bun: 'bun@1.4.5',
  deno: 'deno@2.9.6',
  workerd: 'workerd@1.20261117.1',
  node20: 'node@20.20.2',
  node22: 'node@22.23.3',
  node24: 'node@24.21.0',
  node26: 'node@26.10.0',
} as const

export type Program = keyof typeof packages

export const nodes = ['node20', 'node22', 'node24', 'node26'] as const satisfies readonly Program[]

/** Returns the program's path. npm downloads the program the first time. */
export function binary(program: Program): string {
  return npmBinary(packages[program], program.replace(/\d+$/, ''))
}
