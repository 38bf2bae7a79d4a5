export type Cell = string | number | undefined

/** Prints a table: the first column left-aligned, all others right-aligned, numbers with three significant digits. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const lines = [head, ...rows.map((row) => row.map(format))]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  console.log(`\n${title}`)
  lines.forEach((line, index) => {
    const cells = widths.map((width, column) => {
      const text = line[column] ?? ''
      return column === 0 ? text.padEnd(width) : text.padStart(width)
    })
    console.log(`  ${cells.join('  ').trimEnd()}`)
    if (index === 0) console.log(`  ${widths.map((width) => '─'.repeat(width)).join('  ')}`)
  })
}

function format(cell: Cell): string {
  if (cell === undefined || Number.isNaN(cell)) return '–'
  return typeof cell === 'number' ? number(cell) : cell
}

/** Formats with three significant digits, without an exponent. */
export function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
