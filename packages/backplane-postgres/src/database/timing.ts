/**
 * Waits for an answer for a limited time.
 *
 * @param onLate Receives an answer that comes later.
 * @throws An error when the time is over, or earlier that of the answer.
 */
export async function inTime<T>(
  answer: Promise<T>,
  timeoutMs: number,
  onLate: (late: T) => void = () => {},
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let late = false
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true
      reject(timeoutError(timeoutMs))
    }, timeoutMs)
  })
  answer.then(
    (value) => late && onLate(value),
    () => {},
  )
  try {
    return await Promise.race([answer, timeout])
  } finally {
    clearTimeout(timer)
  }
}

export function timeoutError(timeoutMs: number): Error {
  return new Error(`No answer within ${timeoutMs} ms.`)
}

/**
 * Returns the delay of the next attempt, in milliseconds. It is random, so that nodes do not return all at once: 50 to 100 at
 * first, 1,500 to 3,000 later.
 *
 * @param failures The number of attempts that have failed, 1 or more.
 */
export function retryDelay(failures: number, random: () => number = Math.random): number {
  return Math.min(3_000, 50 * 2 ** failures) * (0.5 + random() / 2)
}
