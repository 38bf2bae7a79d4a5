import type { ReactElement } from 'react'
import { sampleFile } from './sample.ts'
import type { ChosenFile } from './use-imports.ts'

export function EmptyState({ onStart }: { onStart: (file: ChosenFile) => void }): ReactElement {
  return (
    <section className="empty" aria-labelledby="empty-title">
      <h2 id="empty-title">Nothing imported yet</h2>
      <p>Start with 200 rows that are made up, and try to break it:</p>
      <ul className="empty__ideas">
        <li>Reload the page in the middle.</li>
        <li>Open it in a second tab.</li>
        <li>Switch the network off for a while.</li>
        <li>Cancel it, in either tab.</li>
      </ul>
      <button type="button" className="button button--primary" onClick={() => onStart(sampleFile())}>
        Import the sample
      </button>
    </section>
  )
}
