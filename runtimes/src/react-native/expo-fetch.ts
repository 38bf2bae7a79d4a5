/** One HTTP request of the system, which knows nothing of JavaScript's streams. */
export interface NativeRequest {
  cancel(): void
}

/** The system's HTTP client, outside of the app's JavaScript. */
export type NativeFetch = (
  request: { url: string; method: string; headers: [string, string][] },
  listener: {
    onResponse(response: { url: string; status: number; headers: [string, string][] }): void
    onData(bytes: Uint8Array): void
    onEnd(): void
    onError(message: string): void
  },
) => NativeRequest

declare const nativeFetch: NativeFetch

/**
 * Behaves like the `fetch` of `expo/fetch`: takes a text and no `Request`, knows neither `cache` nor `keepalive`, and gives
 * each chunk to the stream whether or not anyone reads. Like that of SDK 52 to 57, an aborted signal ends the request of the
 * system and tells the body nothing: a read that waits for it waits forever.
 */
export function fetch(url: string, init: RequestInit = {}): Promise<Response> {
  if (typeof url !== 'string') throw new TypeError('Cannot convert argument to a Kotlin type.')
  const headers: [string, string][] = []
  new Headers(init.headers).forEach((value, name) => {
    headers.push([name, value])
  })
  return new Promise((resolve, reject) => {
    let body: ReadableStreamDefaultController<Uint8Array> | undefined
    const request = nativeFetch(
      { url, method: init.method ?? 'GET', headers },
      {
        onResponse: (response) => {
          const stream = new ReadableStream<Uint8Array>({
            start: (controller) => {
              body = controller
            },
            cancel: () => {
              body = undefined
              request.cancel()
            },
          })
          resolve({
            ...response,
            statusText: '',
            ok: response.status >= 200 && response.status < 300,
            headers: new Headers(response.headers),
            body: stream,
          } as Response)
        },
        onData: (bytes) => body?.enqueue(bytes),
        onEnd: () => body?.close(),
        onError: (message) => {
          reject(new Error(`fetch failed: ${message}`))
          body?.error(new Error(message))
        },
      },
    )
    init.signal?.addEventListener('abort', () => {
      body = undefined
      request.cancel()
      reject(new Error('fetch failed: canceled'))
    })
  })
}
