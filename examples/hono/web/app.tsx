import type { ReactElement } from 'react'
import { EmptyState } from './empty-state.tsx'
import { ImportCard } from './import-card.tsx'
import { NewImport } from './new-import.tsx'
import { useImports } from './use-imports.ts'

export function App(): ReactElement {
  const { imports, start, restart, remove } = useImports()
  return (
    <>
      <header className="header">
        <h1>Import accounts</h1>
        <p>
          Every row is checked and its password hashed on the server. Reload the page, lose the network or open a second
          tab in the middle: the import goes on, and so does its progress.
        </p>
      </header>
      <main className="main">
        <NewImport onStart={start} />
        <section className="imports" aria-label="Imports">
          {imports?.length === 0 && <EmptyState onStart={start} />}
          {imports?.map(({ id, file }) => (
            <ImportCard
              key={id}
              id={id}
              file={file}
              onRestart={file && (() => restart(id, file))}
              onRemove={() => remove(id)}
            />
          ))}
        </section>
      </main>
    </>
  )
}
