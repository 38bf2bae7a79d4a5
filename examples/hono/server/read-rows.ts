import { parse } from 'csv-parse/sync'
import { maxRows } from '../shared/events.ts'

export interface Row {
  readonly line: number
  readonly fields: Readonly<Record<string, string>>
}

/** Thrown for a file that cannot be imported. The message is for the user. */
export class FileError extends Error {}

const columns = ['email', 'name', 'password']

/**
 * Reads the rows of a CSV file.
 *
 * @throws {FileError}
 */
export function readRows(csv: string): Row[] {
  let records: { record: Record<string, string>; info: { lines: number } }[]
  try {
    records = parse(csv, { columns: true, info: true, bom: true, trim: true, skip_empty_lines: true })
  } catch (error) {
    throw new FileError(`The file is not CSV: ${(error as Error).message}`)
  }
  const [first] = records
  if (!first) throw new FileError('The file has no rows below its head.')
  const missing = columns.filter((column) => !(column in first.record))
  if (missing.length > 0) throw new FileError(`The file's head lacks: ${missing.join(', ')}.`)
  if (records.length > maxRows)
    throw new FileError(`The file has ${records.length} rows; ${maxRows} are taken at once.`)
  return records.map(({ record, info }) => ({ line: info.lines, fields: record }))
}
