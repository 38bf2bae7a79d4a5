import { createDecoder, type DecoderOptions, type SseMessage } from './decode.js'

/** A body to decode: a `ReadableStream`, a Node.js stream, or anything else that yields bytes or text. */
export type EventStreamSource = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>

/** Options of {@link decodeStream} and {@link EventDecoderStream}: those of the decoder, without the event callback. */
export type DecodeStreamOptions = Omit<DecoderOptions, 'onMessage'>

/**
 * Yields the events of a body. Reads only as fast as it is consumed; leaving the loop cancels the body. An event that
 * the end of the body cuts short is dropped, as the standard has it.
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

// Not every engine's ReadableStream can be iterated (Safari's cannot), but every one has a reader.
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
 * The decoder as a transform stream from bytes or text to events, for `pipeThrough`.
 *
 * Each transform stream costs a multiple of the decoding itself; where speed matters use {@link decodeStream} or
 * `createDecoder`. What the decoder throws fails the stream once the events before it were read.
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
        // Called once everything before was read: to fail earlier would drop it.
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
