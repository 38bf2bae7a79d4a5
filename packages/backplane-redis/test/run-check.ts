import type { EndEvent } from '@rivulet/core'
import type { Plan } from './run-plan.js'
import type { RunSeen } from './run-reader.js'

/** The final state of a run. */
export interface RunTruth {
  /** The events of its log. */
  readonly log: readonly RunSeen[]
  /** The number of outputs that each producer is known to have published: acknowledged, stored or read. */
  readonly published: ReadonlyMap<string, number>
}

export interface ReadExpected {
  /** No event that Redis acknowledged was lost, and none was dropped. */
  readonly complete: boolean
  /** No event that Redis acknowledged was lost. */
  readonly lossless: boolean
  /** An end that was told earlier may have been lost. By `performance.now()`. */
  readonly lostUntil: number
}

/**
 * Each output came once and in order, or a gap was told where outputs are missing; the end came last, and is that of the log.
 *
 * @returns What is wrong.
 */
export function checkReading(
  seen: readonly RunSeen[],
  truth: RunTruth,
  { complete, lossless, lostUntil }: ReadExpected,
): string[] {
  const problems: string[] = []
  const end = truth.log.at(-1)
  let producer: string | undefined
  let next = 0
  let told = false
  for (const one of seen) {
    if (one.kind === 'gap') {
      told = true
    } else if (one.kind === 'output') {
      const name = `${one.producer}:${one.n}`
      if (producer !== undefined && one.producer !== producer) {
        if (lossless || !told) problems.push(`${name} comes after ${producer}:${next - 1}`)
        next = 0
      }
      producer = one.producer
      if (one.n < next && (lossless || !told)) problems.push(`${name} came again, or out of order`)
      if (one.n > next && !told) problems.push(`${name} comes after ${next - 1}, and no gap was told`)
      if (one.n === next && told && complete) problems.push(`a gap was told before ${name}, and there is none`)
      next = one.n + 1
      told = false
    } else {
      const last = truth.published.get(producer ?? '') ?? 0
      if (next < last && !told && one.at > lostUntil)
        problems.push(`the last of it (${next} to ${last - 1}) is missing`)
      if (producer === undefined && truth.published.size > 0 && !told)
        problems.push('nothing was read, and no gap told')
      if (one.at > lostUntil && (end?.kind !== 'end' || one.data !== end.data)) problems.push(`it was told ${one.data}`)
    }
  }
  return problems
}

/**
 * An end fits what the producer did: `done` means that all of it is stored.
 *
 * @param facts.stored The number of outputs that were stored, also of those that were dropped since.
 * @param facts.mayBeStopped Somebody asked to stop the run.
 * @param facts.refused An output could not be stored, as its producer was told.
 * @returns What is wrong.
 */
export function checkEnd(
  { state, reason }: EndEvent,
  { behaviour, pausesMs }: Plan,
  facts: { readonly stored: number; readonly mayBeStopped: boolean; readonly refused: boolean },
): string[] {
  const { stored, mayBeStopped, refused } = facts
  const problems: string[] = []
  const wrong = `it ended as ${state}, ${reason}`
  if (state === 'done' && (behaviour === 'fail' || behaviour === 'hang')) problems.push(`${wrong}: a ${behaviour}`)
  if (state === 'done' && stored !== pausesMs.length)
    problems.push(`${wrong}: ${stored} of ${pausesMs.length} outputs are stored`)
  if (state === 'stopped' && !mayBeStopped) problems.push(`${wrong}, and nobody asked for it`)
  if (state === 'failed' && reason === 'error' && behaviour !== 'fail' && !refused)
    problems.push(`${wrong}: a ${behaviour}`)
  if (state === 'failed' && !['error', 'timeout', 'producer lost'].includes(reason!)) problems.push(wrong)
  return problems
}
