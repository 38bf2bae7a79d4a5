import { pageBaseUrl } from '../runtime/page-events.js'
import type { RequestOptions } from './request.js'

/**
 * Text that two streams have in common only if they make the same request: the key, the absolute URL, the method, the
 * body and the mode of credentials. It names what outlives one stream: a stored cursor, or the connection that tabs
 * share. Parts that are known only when a request is made (functions, bodies that are no text) and headers, which may
 * hold secrets, are left out: the key has to stand for them.
 *
 * @returns `undefined` where the URL or the body is such a part, and no key stands for it.
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
