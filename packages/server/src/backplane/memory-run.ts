import { textBytes } from '../runtime/text-bytes.js'
import type { Due } from './due-queue.js'
import { RunLog } from './run-log.js'
import type { RunCreation, RunRecord } from './run-store.js'

/** What a run takes in memory without its texts and events. */
const runBytes = 900

/** A run in the memory of this process. */
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
  /** How many events its producer has appended. */
  ordinal = 0
  /** `DueQueue`'s: when its lease is over, and after its end, when it is dropped. */
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
