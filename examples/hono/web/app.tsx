import type { ReactElement } from 'react'
import { EmptyState } from './empty-state.tsx'
import { ImportCard } from './import-card.tsx'
import { PageHeader } from './look/page-header.tsx'
import { NewImport } from './new-import.tsx'
import { useImports } from './use-imports.ts'

export function App(): ReactElement {
  const { imports, start, restart, remove } = useImports()
  const isFirst = imports?.length === 0
  return (
    <>
      <PageHeader name="Import" />
      <main className="main">
        <div className="intro">
          <h2>Import accounts</h2>
          <p>
            Every row is checked and its password hashed on the server. Reload the page, lose the network or open a
            second tab in the middle: the import goes on, and so does its progress.
          </p>
        </div>
        <NewImport isMain={!isFirst} onStart={start} />
        <section className="imports" aria-label="Imports">
          {isFirst && <EmptyState onStart={start} />}
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
