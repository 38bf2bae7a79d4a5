import { type ReactElement, useState } from 'react'
import { sampleFile } from './sample.ts'
import type { ChosenFile } from './use-imports.ts'

/** Lines of the sample that a first visitor sees. */
const shownLines = 9

export function EmptyState({ onStart }: { onStart: (file: ChosenFile) => void }): ReactElement {
  const [sample] = useState(sampleFile)
  const lines = sample.csv.split('\n')
  return (
    <section className="panel empty-state" aria-labelledby="empty-title">
      <div className="panel__bar">
        <h2 id="empty-title">Nothing imported yet: try this file</h2>
        <button type="button" className="button button--primary" onClick={() => onStart(sample)}>
          Import the sample
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section className="sample" tabIndex={0} aria-label={`The first lines of ${sample.name}`}>
        <pre>{lines.slice(0, shownLines).join('\n')}</pre>
      </section>
      <p className="sample__rest">
        … and {lines.length - shownLines} more rows, made up. Some are invalid, and are rejected with a reason.
      </p>
      <div className="ideas">
        <h3>While it runs</h3>
        <ul>
          <li>Reload the page in the middle.</li>
          <li>Open it in a second tab.</li>
          <li>Switch the network off for a while.</li>
          <li>Cancel it, in either tab.</li>
        </ul>
      </div>
    </section>
  )
}
