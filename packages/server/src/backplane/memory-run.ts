import { textBytes } from '../runtime/text-bytes.js'
import type { Due } from './due-queue.js'
import { RunLog } from './run-log.js'
import type { RunCreation, RunRecord } from './run-store.js'

/** The memory of a run without its texts and events. */
const runBytes = 900

/** A run that is kept in the memory of this process. */
export class MemoryRun implements Due {
  readonly id: string
  readonly key: string | undefined
  readonly token: string
  readonly keepMs: number
  readonly startedAt: number
  readonly beginning: number
  readonly log: RunLog
  state: RunRecord['state'] = 'running'
  reason: string | undefined
  endedAt: number | undefined
  end: number | undefined
  /** The number of events that its producer has appended. */
  ordinal = 0
  /** Fields of `DueQueue`. The due time is the end of the lease; after the run's end, the time at which it is dropped. */
  due = 0
  slot = -1

  constructor(id: string, { token, key, keepMs, maxBytes }: RunCreation, beginning: number, now: number) {
    this.id = id
    this.key = key
    this.token = token
    this.keepMs = keepMs
    this.startedAt = now
    this.beginning = beginning
    this.log = new RunLog(beginning, maxBytes)
  }

  get bytes(): number {
    return runBytes + textBytes(this.id) + textBytes(this.key ?? '') + this.log.bytes
  }

  record(now: number): RunRecord {
    const { id, key, state, reason, startedAt, endedAt, beginning, end } = this
    return {
      id,
      key,
      state,
      reason,
      startedAt,
      endedAt,
      beginning,
      end,
      lapsed: state === 'running' && this.due <= now,
    }
  }
}
