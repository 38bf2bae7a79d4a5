import { createDecoder, type DecoderOptions, type SseMessage } from './decode.js'

/** A body to decode: a `ReadableStream`, a Node.js stream, or any other async iterable of bytes or text. */
export type EventStreamSource = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>

/** Options of {@link decodeStream} and {@link EventDecoderStream}: the decoder's options without `onMessage`. */
export type DecodeStreamOptions = Omit<DecoderOptions, 'onMessage'>

/**
 * Yields the events of a body. It reads no faster than the loop does, and leaving the loop cancels the body. As in the
 * standard, an unfinished event at the end of the body is dropped.
 *
 * @example
 * for await (const { event, data } of decodeStream(response.body)) console.log(event, data)
 *
 * @throws {EventTooLargeError} out of the loop when one event exceeds `maxEventBytes` and there is no `onTooLarge`.
 */
export async function* decodeStream(
  source: EventStreamSource,
  options: DecodeStreamOptions = {},
): AsyncGenerator<SseMessage, void, undefined> {
  let messages: SseMessage[] = []
  const decoder = createDecoder({ ...options, onMessage: (message) => messages.push(message) })
  for await (const chunk of chunksOf(source)) {
    let failure: { error: unknown } | undefined
    try {
      decoder.feed(chunk)
    } catch (error) {
      failure = { error }
    }
    const batch = messages
    messages = []
    yield* batch
    if (failure) throw failure.error
  }
}

// Safari cannot iterate over a ReadableStream, but every engine has a reader.
async function* chunksOf(source: EventStreamSource): AsyncGenerator<Uint8Array | string> {
  if (!('getReader' in source)) return yield* source
  const reader = source.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
    reader.releaseLock()
  }
}

/**
 * Transform stream from bytes or text to events, for `pipeThrough`.
 *
 * A transform stream costs several times as much as the decoding itself. Where speed matters, use {@link decodeStream} or
 * `createDecoder`. An error of the decoder fails the stream after the events before it were read.
 *
 * @example
 * const events = response.body.pipeThrough(new EventDecoderStream())
 */
// Extending TransformStream would need one as soon as the module loads, and Jest's jsdom has none.
export class EventDecoderStream {
  readonly writable: WritableStream<Uint8Array | string>
  readonly readable: ReadableStream<SseMessage>

  constructor(options: DecodeStreamOptions = {}) {
    const source = new TransformStream<Uint8Array | string, Uint8Array | string>()
    const reader = source.readable.getReader()
    let messages: SseMessage[] = []
    let failure: { error: unknown } | undefined
    const decoder = createDecoder({ ...options, onMessage: (message) => messages.push(message) })
    this.writable = source.writable
    this.readable = new ReadableStream<SseMessage>(
      {
        // Called after all earlier events were read, so that an error does not drop them.
        async pull(controller) {
          while (messages.length === 0) {
            if (failure) {
              reader.cancel(failure.error).catch(() => {})
              throw failure.error
            }
            const { done, value } = await reader.read()
            if (done) return controller.close()
            try {
              decoder.feed(value)
            } catch (error) {
              failure = { error }
            }
          }
          for (const message of messages) controller.enqueue(message)
          messages = []
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }
}
