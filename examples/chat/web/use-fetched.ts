import { useCallback, useEffect, useState } from 'react'

export interface Fetched<Value> {
  readonly value: Value | undefined
  readonly error: unknown
  /** Fetches again, and keeps the value until then. */
  reload(): void
  set(value: Value): void
}

/** Fetches a value for a key: again for each key, and on `reload`. */
export function useFetched<Value>(key: string, fetchValue: (key: string) => Promise<Value>): Fetched<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; error?: unknown }>({ key })
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn fetches again
  useEffect(() => {
    let current = true
    fetchValue(key).then(
      (value) => current && setState({ key, value }),
      (error) => current && setState((before) => ({ ...(before.key === key ? before : { key }), error })),
    )
    return () => {
      current = false
    }
  }, [key, turn, fetchValue])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  const set = useCallback((value: Value) => setState({ key, value }), [key])
  const { value, error } = state.key === key ? state : {}
  return { value, error, reload, set }
}
