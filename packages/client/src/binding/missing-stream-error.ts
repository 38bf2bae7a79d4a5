import { RivuletError } from '@rivulet/core'
import { development } from '../runtime/development.js'

/** A hook, composable or component was used where no stream is provided. */
export class MissingStreamError extends RivuletError {
  static override get name(): string {
    return 'MissingStreamError'
  }
  static override readonly code = 'RIVULET_MISSING_STREAM'

  /** @param fix Sentence that says how to provide a stream in this framework. */
  constructor(fix: string) {
    super(MissingStreamError.code, development ? `No stream is provided here. ${fix}` : '')
  }
}
