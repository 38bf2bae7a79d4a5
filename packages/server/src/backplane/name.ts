/** The advice of errors about names. */
export const nameFix = 'Pass a non-empty string without half characters (lone surrogates).'

/**
 * Recognizes texts that can name a channel, a run or a key. Half of a character is not one: stores replace it, and two names
 * would be the same.
 */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value)
}
