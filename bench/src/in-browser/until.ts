/** Resolves when the condition holds. It is asked ten times a second, so that asking costs little. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('The page has not received all events within a minute.')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
