import { AbortController, AbortSignal } from 'abort-controller/dist/abort-controller.mjs'
import { ReadableStream } from 'web-streams-polyfill'
import { Headers, Request, Response } from 'whatwg-fetch'

// The globals of React Native that are not of the language. These packages are its own and Expo's: an AbortSignal without a
// `reason`, whose events know no `signal`, and a Request that remembers little. Import this file first.
Object.assign(globalThis, {
  AbortController,
  AbortSignal,
  Headers,
  Request,
  Response,
  ReadableStream,
  navigator: { product: 'ReactNative' },
  requestAnimationFrame: (callback: () => void) => setTimeout(callback, 16),
  cancelAnimationFrame: (frame: number) => clearTimeout(frame),
})
