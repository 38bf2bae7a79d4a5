import { RivuletError } from '@rivulet/core'

/** A composable or component was used where there is neither a provider nor the plugin. */
export class MissingStreamError extends RivuletError {
  static override get name(): string {
    return 'MissingStreamError'
  }
  static override readonly code = 'RIVULET_MISSING_STREAM'

  constructor() {
    super(
      MissingStreamError.code,
      'There is no stream here. Render the component inside of <SSEProvider>, or install the plugin: app.use(rivulet(service)).',
    )
  }
}
