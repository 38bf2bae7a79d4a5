import { request as send } from 'node:http'
import type { NativeFetch } from './expo-fetch.js'

/** Short, so that characters arrive in several pieces. */
const pieceBytes = 7

/** An HTTP client of the system that finds the app's server, whatever its address is in the app. */
export function nativeHttp(server: string): { nativeFetch: NativeFetch; requests: string[] } {
  const requests: string[] = []
  const nativeFetch: NativeFetch = ({ url, method, headers }, { onResponse, onData, onEnd, onError }) => {
    const { pathname, search } = new URL(url)
    requests.push(pathname + search)
    const request = send(new URL(pathname + search, server), { method, headers: Object.fromEntries(headers) })
    request.on('error', (error) => onError(error.message))
    request.on('response', (response) => {
      onResponse({ url, status: response.statusCode!, headers: Object.entries(response.headers) as [string, string][] })
      response.on('data', (bytes: Uint8Array) => {
        for (let at = 0; at < bytes.length; at += pieceBytes) onData(bytes.subarray(at, at + pieceBytes))
      })
      response.on('end', () => onEnd())
      response.on('error', (error) => onError(error.message))
    })
    request.end()
    return { cancel: () => request.destroy() }
  }
  return { nativeFetch, requests }
}
