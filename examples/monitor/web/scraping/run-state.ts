import type { ScrapingEvent } from '../../shared/events.js'

/**
 * - `idle`: there was no run.
 * - `interrupted`: the server restarted after the run's last event, so the run will never end.
 */
export type RunState = 'idle' | 'running' | 'completed' | 'interrupted'

export function runState(run: ScrapingEvent | undefined, serverStartedAt: number | undefined): RunState {
  if (!run) return 'idle'
  if (run.status === 'completed') return 'completed'
  return serverStartedAt !== undefined && serverStartedAt > run.timestamp ? 'interrupted' : 'running'
}

/** Describes the run in one line. */
export function describeRun(run: ScrapingEvent, state: RunState): string {
  const failed = run.sources.filter(({ status }) => status === 'error').length
  const done = run.sources.filter(({ status }) => status === 'completed').length + failed
  const failures = failed > 0 ? `, ${failed} failed` : ''
  if (state === 'completed') return `Completed: ${done} sources${failures}`
  if (state === 'interrupted') return 'Interrupted: the server restarted'
  return `${done} of ${run.sources.length} sources${failures}`
}
