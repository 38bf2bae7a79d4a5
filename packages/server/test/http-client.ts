import { once } from 'node:events'
import { get } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Client } from './served.js'
import { decode } from './sink-checks.js'

/** Opens a stream over HTTP/1.1, on a connection of its own. */
export async function openHttp(url: string, headers: Record<string, string>, method: string): Promise<Client> {
  const request = get(url, { agent: false, headers, method })
  const [response] = await once(request, 'response')
  const decoded = decode()
  response.on('data', decoded.feed).on('error', () => {})
  onTestFinished(() => void request.destroy())
  return {
    ...decoded,
    status: response.statusCode,
    headers: response.headers,
    ended: new Promise((resolve) => response.on('close', resolve)),
    pause: () => response.pause(),
    resume: () => response.resume(),
    leave: () => request.destroy(),
  }
}
