import type { EventOf } from '@rivulet/core'
import { useEventReducer } from '@rivulet/vue'
import type { Ref } from 'vue'
import { channelOf, jobEvents } from './events.js'

type Progress = EventOf<typeof jobEvents, 'job.progress'>

const latest = (_known: Progress | undefined, event: Progress): Progress | undefined => event

/** Percent of a job that are done. Every component that asks for a job shares one state. */
export function useProgress(job: string): Readonly<Ref<number>> {
  return useEventReducer(jobEvents['job.progress'], latest, undefined, {
    channel: channelOf(job),
    select: (progress) => (progress ? Math.floor((100 * progress.done) / progress.total) : 0),
    throttleMs: 100,
  })
}
