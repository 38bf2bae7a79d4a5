import type { Awaitable } from '../runtime/awaitable.js'
import type { CallbackOptions } from '../runtime/guard.js'
import { everyone, type ReadAdmission, readAuthorization, readChannelNames } from './answers.js'
import type { Asking } from './asking.js'
import type { EventStreamOptions } from './stream-options.js'

// Asks the functions of a route who gets in, and which channels.

export function askAdmission<Request, Context>(
  asking: Asking,
  raw: Request,
  options: Pick<EventStreamOptions<Request, Context>, 'authorize'>,
): Awaitable<ReadAdmission> {
  if (!options.authorize) return everyone
  return asking.ask('authorize', (call) => options.authorize!(raw, call), readAuthorization)
}

export function askChannels<Request, Context>(
  asking: Asking,
  { raw, requested }: { readonly raw: Request; readonly requested?: readonly string[] | undefined },
  { context }: ReadAdmission,
  { channels = ['default'] }: Pick<EventStreamOptions<Request, Context>, 'channels'>,
): Awaitable<readonly string[]> {
  if (typeof channels !== 'function') return asking.run('channels', () => readChannelNames(channels))
  const ask = (call: CallbackOptions) => channels(raw, context as Context, Object.assign(call, { requested }))
  return asking.ask('channels', ask, readChannelNames)
}
