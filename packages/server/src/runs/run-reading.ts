import { type RunRecord, runChannel } from '../backplane/run-store.js'
import type { Connection } from '../delivery/connection.js'
import { Refused } from '../streams/admission.js'
import type { Admitting } from '../streams/admitting.js'
import type { ReadAdmission } from '../streams/answers.js'
import type { Join, JoinRequest } from '../streams/join.js'
import type { StreamSource } from '../streams/reception.js'
import type { Streams } from '../streams/streams.js'
import { planRunJoin } from './run-join.js'
import { findRun, type RunStreamOptions, startRun } from './run-route.js'

/** For how long the end of a run may be on its way to a reader, and a read that failed waits, in milliseconds. */
const pauseMs = 1_000

/** One request to read a run, or to start and read it: where its stream comes from. */
export class RunReading<Request, Context> implements StreamSource {
  readonly #streams: Streams
  readonly #get: (id: string) => Promise<RunRecord | undefined>
  readonly #request: Request
  readonly #options: RunStreamOptions<Request, Context>
  #run: RunRecord | undefined
  #location: string | undefined
  #checking = false

  constructor(
    streams: Streams,
    get: (id: string) => Promise<RunRecord | undefined>,
    request: Request,
    options: RunStreamOptions<Request, Context>,
  ) {
    this.#streams = streams
    this.#get = get
    this.#request = request
    this.#options = options
  }

  async authorize(admitting: Admitting): Promise<ReadAdmission> {
    const options = this.#options
    if (!options.start) {
      const { run, admission } = await findRun(admitting, this.#request, options, this.#get)
      this.#run = run
      return admission
    }
    const { random } = this.#streams.runtime.clock
    const { run, admission, location } = await startRun(admitting, this.#request, options, { get: this.#get, random })
    this.#run = run
    this.#location = location
    return admission
  }

  channel(): string {
    if (!this.#run) throw new Refused({ status: 404 })
    return runChannel(this.#run.id)
  }

  async join(request: JoinRequest): Promise<Join> {
    const join = await planRunJoin(this.#streams.runtime, request, this.#run!)
    return { ...join, location: this.#location, run: true }
  }

  /**
   * Sends a reader away whose run is over, though nothing told it: the run was forgotten before the reader had its end, or the
   * end was lost on its way. It comes back, and gets what there is.
   */
  readonly onUncertain = (connection: Connection): void => {
    if (this.#checking) return
    this.#checking = true
    void this.#check(connection).finally(() => {
      this.#checking = false
    })
  }

  async #check(connection: Connection): Promise<void> {
    const { id, beginning } = this.#run!
    while (connection.state !== 'closed') {
      try {
        const run = await this.#get(id)
        if (run?.state === 'running' && run.beginning === beginning) return
        await this.#pause()
        this.#sendAway(connection)
        return
      } catch (error) {
        this.#streams.runtime.report(error, { stage: 'read', connection, run: id })
        await this.#pause()
      }
    }
  }

  /** A connection that still catches up may find the end in the log. It is checked again once it is live. */
  #sendAway(connection: Connection): void {
    if (connection.state === 'live' && !connection.complete) connection.close('run ended', true)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#streams.runtime.clock.setTimeout(resolve, pauseMs))
  }
}
