/** A fetched page, not yet parsed. */
export interface SourcePage {
  readonly body: string
  readonly contentType: string
}

export interface FetchSourceOptions {
  /** Time limit for the whole page, up to its last byte. */
  readonly timeoutMs: number
  /** Size limit. A larger body is refused while it arrives, so that a source cannot make this process's memory grow. */
  readonly maxBytes: number
  /** Ends the request early, for shutdown. */
  readonly signal?: AbortSignal
}

/**
 * Fetches a page that lists proxies.
 *
 * @throws Error with a short message: the status, the time or the size.
 */
export async function fetchSource(url: string, options: FetchSourceOptions): Promise<SourcePage> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout
  try {
    const response = await fetch(url, { signal, headers: { accept: 'text/html, application/json, text/plain, */*' } })
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`HTTP ${response.status} ${response.statusText}`.trimEnd())
    }
    const body = await readText(response, options.maxBytes)
    return { body, contentType: response.headers.get('content-type') ?? '' }
  } catch (error) {
    if (timeout.aborted) throw new Error(`No complete answer within ${options.timeoutMs} ms`, { cause: error })
    throw withReason(error)
  }
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  if (!response.body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  // The error below leaves the loop, which cancels the body and with it the request.
  for await (const chunk of response.body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new Error(`Body larger than ${maxBytes} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** `fetch` only says "fetch failed". The cause has the reason (refused, host not found, certificate). */
function withReason(error: unknown): unknown {
  if (!(error instanceof TypeError) || !(error.cause instanceof Error)) return error
  const { code, message } = error.cause as NodeJS.ErrnoException
  return new Error(code ?? message, { cause: error })
}
