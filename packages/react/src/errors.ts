import { RivuletError } from '@rivulet/core'

/** A hook or component was used where no provider is above it. */
export class MissingProviderError extends RivuletError {
  static override get name(): string {
    return 'MissingProviderError'
  }
  static override readonly code = 'RIVULET_MISSING_PROVIDER'

  constructor() {
    super(MissingProviderError.code, 'There is no <SSEProvider> above this component. Render it inside of one.')
  }
}
