import { useState } from 'react'

/** Asks the server for a run. Its progress arrives on the stream; only a refusal is reported here. */
export function useStartScrape(): { start: () => Promise<void>; problem: string | undefined } {
  const [problem, setProblem] = useState<string>()
  const start = async (): Promise<void> => {
    setProblem(undefined)
    try {
      const response = await fetch('/api/scrape', { method: 'POST' })
      if (!response.ok) setProblem(await refusal(response))
    } catch {
      setProblem('The server did not answer. Try again when the connection is back.')
    }
  }
  return { start, problem }
}

async function refusal(response: Response): Promise<string> {
  const body = (await response.json().catch(() => undefined)) as { error?: { message?: string } } | undefined
  return body?.error?.message ?? `The server answered ${response.status}.`
}
