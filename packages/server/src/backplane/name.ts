import { ConfigurationError } from '../runtime/errors.js'

/**
 * Checks a text that names a channel, a run or a key. Half of a character cannot be in one: stores replace it, and two names
 * would be the same.
 *
 * @throws {ConfigurationError}
 */
export function checkName(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value)) return
  throw new ConfigurationError(option, value, 'Pass a non-empty string without half characters (lone surrogates).')
}
