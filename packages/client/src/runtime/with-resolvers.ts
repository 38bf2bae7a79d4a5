export interface Resolvers {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/** `Promise.withResolvers`, which Node.js 20 lacks. */
export function withResolvers(): Resolvers {
  let resolve = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<void>((...settle) => {
    ;[resolve, reject] = settle
  })
  return { promise, resolve, reject }
}
