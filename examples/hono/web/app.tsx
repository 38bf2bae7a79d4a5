import { SSEProvider } from '@rivulet/react'
import { type ReactElement, useState } from 'react'
import { events, streamPath } from '../shared/events.ts'
import { ImportCard } from './import-card.tsx'
import { NewImport } from './new-import.tsx'
import { loadImports, type SavedImport, saveImports } from './saved-imports.ts'

export function App(): ReactElement {
  const [imports, setImports] = useState(loadImports)
  // Only the request that starts an import needs the file. After a reload the server has read it.
  const [files] = useState(() => new Map<string, string>())

  function update(next: SavedImport[]): void {
    setImports(next)
    saveImports(next)
  }

  function start(name: string, csv: string): void {
    const id = crypto.randomUUID()
    files.set(id, csv)
    update([{ id, name }, ...imports])
  }

  function remove(id: string): void {
    files.delete(id)
    update(imports.filter((one) => one.id !== id))
  }

  return (
    <>
      <header className="header">
        <h1>Import accounts</h1>
        <p>
          Every row is checked and its password hashed on the server. Reload the page or lose the network in the middle:
          the import goes on, and so does its progress.
        </p>
      </header>
      <main className="main">
        <NewImport onStart={start} />
        <section className="imports" aria-label="Imports">
          {imports.length === 0 && <p className="empty">Nothing imported yet.</p>}
          {imports.map(({ id, name }) => (
            <SSEProvider
              key={id}
              url={streamPath(id)}
              events={events}
              method="POST"
              headers={{ 'Content-Type': 'application/json' }}
              body={() => JSON.stringify({ name, csv: files.get(id) })}
            >
              <ImportCard id={id} name={name} onRemove={() => remove(id)} />
            </SSEProvider>
          ))}
        </section>
      </main>
    </>
  )
}
