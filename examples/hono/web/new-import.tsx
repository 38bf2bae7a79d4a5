import { type ChangeEvent, type ReactElement, useRef, useState } from 'react'
import { maxBytes, maxRows } from '../shared/events.ts'
import { sampleFile } from './sample.ts'
import type { ChosenFile } from './use-imports.ts'

export function NewImport({ onStart }: { onStart: (file: ChosenFile) => void }): ReactElement {
  const input = useRef<HTMLInputElement>(null)
  const [error, setError] = useState('')

  async function read({ target }: ChangeEvent<HTMLInputElement>): Promise<void> {
    const file = target.files?.[0]
    if (!file) return
    if (file.size > maxBytes) setError(`${file.name} is larger than ${maxBytes / 1e6} MB.`)
    else {
      setError('')
      onStart({ name: file.name, csv: await file.text() })
    }
    // Allows the user to choose the same file again.
    target.value = ''
  }

  return (
    <section className="new" aria-labelledby="new-title">
      <h2 id="new-title">New import</h2>
      <p id="new-hint">
        A CSV file with the columns <code>email</code>, <code>name</code> and <code>password</code>, and at most{' '}
        {maxRows.toLocaleString('en')} rows.
      </p>
      <div className="new__buttons">
        <input ref={input} type="file" accept=".csv,text/csv" hidden onChange={read} />
        <button
          type="button"
          className="button button--primary"
          aria-describedby="new-hint"
          onClick={() => input.current?.click()}
        >
          Choose a file
        </button>
        <button type="button" className="button" onClick={() => onStart(sampleFile())}>
          Use a sample
        </button>
      </div>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
    </section>
  )
}
