import type { ReactElement } from 'react'
import type { RowEvent } from '../shared/events.ts'

export function RejectedRows({ rows }: { rows: readonly RowEvent[] }): ReactElement | null {
  if (rows.length === 0) return null
  return (
    <details className="rejected">
      <summary>
        {rows.length} rejected {rows.length === 1 ? 'row' : 'rows'}
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section className="rejected__scroll" tabIndex={0} aria-label="Rejected rows">
        <table>
          <thead>
            <tr>
              <th scope="col">Line</th>
              <th scope="col">E-mail</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ line, email, rejected }) => (
              <tr key={line}>
                <td>{line}</td>
                <td>{email}</td>
                <td>{rejected}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  )
}
