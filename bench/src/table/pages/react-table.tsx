import { memo, type ReactElement, useLayoutEffect } from 'react'
import { cellsOf, type Row, shownBy } from '../rows.js'

const Cells = memo(function Cells({ row }: { row: Row }): ReactElement {
  return (
    <tr>
      {cellsOf(row).map((text, column) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
        <td key={column}>{text}</td>
      ))}
    </tr>
  )
})

export function Table({ rows }: { rows: readonly Row[] }): ReactElement {
  useLayoutEffect(() => {
    window.shown = shownBy(rows)
  }, [rows])
  return (
    <table>
      <tbody>
        {rows.map((row) => (
          <Cells key={row.row} row={row} />
        ))}
      </tbody>
    </table>
  )
}
