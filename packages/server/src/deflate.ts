import { constants, deflateRawSync } from 'node:zlib'
import type { Compression } from './delivery/compression.js'
import { ConfigurationError } from './runtime/errors.js'

export type { Compression }

/**
 * Compresses streams for the option `compression` of a route. Each event is compressed once, and all streams with the same
 * channels share the bytes. Needs `node:zlib`, which Node.js, Bun and Deno have.
 *
 * @example
 * app.get('/events', eventStream(manager, { channels: ['prices'], compression: sharedDeflate() }))
 *
 * @throws {ConfigurationError} if `level` is not a whole number from 1 to 9.
 */
export function sharedDeflate({
  level = 6,
}: {
  /** Effort, from 1 (fastest) to 9 (smallest). @default 6 */
  level?: number
} = {}): Compression {
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new ConfigurationError('level', level, 'Pass a whole number from 1 to 9.')
  }
  const known = compressions.get(level)
  if (known) return known
  // A window of 16 KiB is enough for the dictionary, and is set up faster than zlib's 32.
  const options = { level, windowBits: 14, memLevel: 7, finishFlush: constants.Z_SYNC_FLUSH }
  const compression: Compression = {
    compress: (bytes, dictionary) =>
      deflateRawSync(bytes, dictionary.length > 0 ? { ...options, dictionary } : options),
  }
  compressions.set(level, compression)
  return compression
}

/** By level: a handler may make its options anew for each request, and its streams still share blocks. */
const compressions = new Map<number, Compression>()
