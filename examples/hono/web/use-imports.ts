import { useCallback, useEffect, useState } from 'react'
import { importsPath, removePath } from '../shared/events.ts'

/** A file that this page has chosen. The request that starts its import contains it. */
export interface ChosenFile {
  readonly name: string
  readonly csv: string
}

export interface Import {
  readonly id: string
  /** Missing for an import that an earlier page or another tab has started: it is only followed. */
  readonly file?: ChosenFile
}

export interface Imports {
  /** Newest first; `undefined` until the server has answered. */
  readonly imports: readonly Import[] | undefined
  start(file: ChosenFile): void
  /** Starts an import again that the server has lost. */
  restart(id: string, file: ChosenFile): void
  remove(id: string): void
}

/** The imports of this browser: those that the server knows, and those that are started here. */
export function useImports(): Imports {
  const [imports, setImports] = useState<readonly Import[]>()

  useEffect(() => {
    const abort = new AbortController()
    void fetch(importsPath, { signal: abort.signal })
      .then((response) => (response.ok ? response.json() : []))
      .catch(() => [])
      .then((ids: readonly string[]) => {
        if (abort.signal.aborted) return
        // Started while the server answered.
        setImports((own = []) => [
          ...own,
          ...ids.filter((id) => own.every((one) => one.id !== id)).map((id) => ({ id })),
        ])
      })
    return () => abort.abort()
  }, [])

  const start = useCallback((file: ChosenFile) => {
    setImports((before = []) => [{ id: crypto.randomUUID(), file }, ...before])
  }, [])

  const restart = useCallback((id: string, file: ChosenFile) => {
    setImports((before = []) => before.map((one) => (one.id === id ? { id: crypto.randomUUID(), file } : one)))
  }, [])

  const remove = useCallback((id: string) => {
    setImports((before = []) => before.filter((one) => one.id !== id))
    void fetch(removePath(id), { method: 'POST' }).catch(() => {})
  }, [])

  return { imports, start, restart, remove }
}
