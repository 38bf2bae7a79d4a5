import { createRequire } from 'node:module'
import { SqliteBackplane } from '../src/index.js'
import type { OpenDatabase } from './drivers.js'

/** Claims a file, says so, and stays. */
const [libsql, file] = process.argv.slice(2) as [string, string]
const Database = createRequire(libsql)(libsql) as new (path: string) => OpenDatabase
const backplane = new SqliteBackplane({ database: new Database(file) })
console.log('claimed', backplane !== undefined)
setInterval(() => {}, 1_000)
