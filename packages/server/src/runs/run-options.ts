import { ConfigurationError } from '../runtime/errors.js'

/** The least that each of the numbers may be, and which may be `Infinity`. */
const rules: Readonly<Record<string, { readonly from: number; readonly unbounded: boolean }>> = {
  leaseMs: { from: 1, unbounded: false },
  keepMs: { from: 0, unbounded: false },
  timeoutMs: { from: 1, unbounded: true },
  maxBytes: { from: 0, unbounded: true },
  maxRunningPerKey: { from: 1, unbounded: true },
  limit: { from: 1, unbounded: false },
  graceMs: { from: 0, unbounded: false },
}

/** @throws {ConfigurationError} */
export function checkNumbers(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    const { from, unbounded } = rules[name]!
    if (typeof value === 'number' && value >= from && (unbounded || value < Infinity)) continue
    throw new ConfigurationError(name, value, `Pass a number, ${from} or more.`)
  }
}

/** @throws {ConfigurationError} */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '') return
  throw new ConfigurationError(name, value, 'Pass a non-empty string.')
}
