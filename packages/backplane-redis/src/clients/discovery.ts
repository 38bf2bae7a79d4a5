/** A client that knows several servers, while it is asked for the one in charge. */
export interface Discovery {
  open(): Promise<unknown>
  close(): void
}

/** Opens the client, asks it, and closes it in any case: a client that finds no server may try for ever. */
export async function discover<T>(
  { open, close }: Discovery,
  timeoutMs: number,
  ask: () => T | Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const reason = `No primary was found within ${timeoutMs} ms.`
    timer = setTimeout(() => reject(new Error(reason)), timeoutMs)
  })
  try {
    return await Promise.race([open().then(ask), late])
  } finally {
    clearTimeout(timer)
    close()
  }
}
