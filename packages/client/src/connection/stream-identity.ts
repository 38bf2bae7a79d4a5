import { pageBaseUrl } from '../runtime/page-events.js'
import type { RequestOptions } from './request.js'

/**
 * Returns a text that identifies a stream's request: the key, the absolute URL, the method, the body and the mode of
 * credentials. It names a stored cursor or a shared connection, which outlive one stream. It omits functions and bodies
 * that are not text, which are known only at the time of a request, and headers, which may contain secrets. The key must
 * stand for these parts.
 *
 * @returns `undefined` if the URL or the body is omitted and there is no key.
 */
export function streamIdentity(options: RequestOptions, key: string | undefined): string | undefined {
  const { url, method, body, credentials = 'same-origin' } = options
  const hasText = body === undefined || body === null || typeof body === 'string' || body instanceof URLSearchParams
  const text = hasText ? body?.toString() : undefined
  if (key === undefined && (typeof url === 'function' || !hasText)) return undefined
  const verb = method?.toUpperCase() ?? (body === undefined || body === null ? 'GET' : 'POST')
  return JSON.stringify([key, typeof url === 'function' ? undefined : absolute(url), verb, text, credentials])
}

function absolute(url: string | URL): string {
  try {
    return new URL(url, pageBaseUrl()).href
  } catch {
    return String(url)
  }
}
