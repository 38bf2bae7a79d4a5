import { type ChangeEvent, type ReactElement, useRef, useState } from 'react'
import { maxBytes, maxMebibytes, maxRows } from '../shared/events.ts'
import { sampleFile } from './sample.ts'
import type { ChosenFile } from './use-imports.ts'

interface NewImportProps {
  /** `false` if the page suggests something else to do first. */
  readonly isMain: boolean
  readonly onStart: (file: ChosenFile) => void
}

export function NewImport({ isMain, onStart }: NewImportProps): ReactElement {
  const input = useRef<HTMLInputElement>(null)
  const [error, setError] = useState('')

  async function read({ target }: ChangeEvent<HTMLInputElement>): Promise<void> {
    const file = target.files?.[0]
    if (!file) return
    if (file.size > maxBytes) setError(`${file.name} is larger than ${maxMebibytes} MiB.`)
    else {
      setError('')
      onStart({ name: file.name, csv: await file.text() })
    }
    // Allows the user to choose the same file again.
    target.value = ''
  }

  return (
    <section className="panel new" aria-labelledby="new-title">
      <div className="panel__bar">
        <h2 id="new-title">New import</h2>
      </div>
      <div className="new__body">
        <p id="new-hint" className="muted">
          A CSV file with the columns <code>email</code>, <code>name</code> and <code>password</code>, at most{' '}
          {maxRows.toLocaleString('en')} rows and {maxMebibytes}&nbsp;MiB.
        </p>
        <div className="new__buttons">
          <input ref={input} type="file" accept=".csv,text/csv" hidden onChange={read} />
          <button
            type="button"
            className={`button${isMain ? ' button--primary' : ''}`}
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
          <p className="problem" role="alert">
            {error}
          </p>
        )}
      </div>
    </section>
  )
}
