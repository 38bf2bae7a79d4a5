import type BetterSqlite3 from 'better-sqlite3'
import type Libsql from 'libsql'
import { expectTypeOf, it } from 'vitest'
import type { SqliteDatabase } from './sqlite-database.js'

it('describes the databases of other packages', () => {
  expectTypeOf<BetterSqlite3.Database>().toExtend<SqliteDatabase>()
  expectTypeOf<InstanceType<typeof Libsql>>().toExtend<SqliteDatabase>()
})
