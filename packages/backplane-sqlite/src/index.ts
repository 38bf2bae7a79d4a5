export { type SqliteProblem, SqliteStoreError } from './database/errors.js'
export type { SqliteDatabase, SqliteStatement } from './database/sqlite-database.js'
export { SqliteBackplane, type SqliteBackplaneOptions } from './sqlite-backplane.js'
