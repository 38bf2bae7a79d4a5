/** A prepared statement of `better-sqlite3`, `libsql` or `node:sqlite`. Each types its parameters in its own way. */
export interface SqliteStatement {
  run(...values: never[]): unknown
  get(...values: never[]): unknown
  all(...values: never[]): unknown[]
}

/** An open database of `better-sqlite3`, `libsql` or `node:sqlite` (Node.js 22 or newer). */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}

/** A value that all drivers take as a parameter. */
export type SqliteValue = string | number | null

/** A statement as this package uses it. */
export interface Statement {
  run(...values: SqliteValue[]): unknown
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): unknown[]
}

/** A row as the statements return it. */
export type Row = Readonly<Record<string, unknown>>

/** Reads an integer. A database with `defaultSafeIntegers` returns them as bigints; ours stay below 2^53. */
export function numberOf(value: unknown): number {
  return Number(value)
}

const mark = '\u0001'

/** Encodes a text for a column. Some drivers read texts only up to the first NUL. */
export function toColumn(text: string): string {
  return text.includes('\0') || text.startsWith(mark) ? mark + JSON.stringify(text) : text
}

/** Decodes a text that `toColumn` encoded. */
export function fromColumn(value: unknown): string {
  const text = value as string
  return text.startsWith(mark) ? (JSON.parse(text.slice(1)) as string) : text
}

/** Decodes a text that may be missing. */
export function fromOptionalColumn(value: unknown): string | undefined {
  return value === null ? undefined : fromColumn(value)
}
