import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/** Boot times closer than this are the same: they are computed from two clocks. */
const toleranceMs = 5_000

/** Identifies the current boot of the machine: writes of a process that was killed survive only until the next one. */
export function currentBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `at ${Math.round(Date.now() - uptime() * 1_000)}`
  }
}

/** Returns true if two results of `currentBoot` name the same boot. */
export function isSameBoot(one: string, other: string): boolean {
  const [first, second] = [one, other].map((boot) => (boot.startsWith('at ') ? Number(boot.slice(3)) : Number.NaN))
  return one === other || Math.abs(first! - second!) < toleranceMs
}
