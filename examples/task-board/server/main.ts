import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Pool } from 'pg'
import { createTaskBoard } from './app.js'

/** Time that streams have to move to another process before the rest is cut off. */
const graceMs = 1_000

/** The built page is in dist/web, beside the folder of this built file. */
const webRoot = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/web' : '../web', import.meta.url))
const { PORT = '3000', DATABASE_URL, KEPT_EVENTS = '1000' } = process.env

if (!DATABASE_URL) {
  fail(`The boards are kept in PostgreSQL (13 or newer). Say where it is:

  DATABASE_URL=postgres://user:password@localhost:5432/database npm start

The user needs the right to create tables and a schema there. To try the example without a database of your own, install
PostgreSQL (on Debian: apt-get install postgresql) and run "npm run dev": it starts one for as long as it runs.`)
}

const pool = new Pool({ connectionString: DATABASE_URL })
// A connection that breaks while nobody uses it. The pool makes a new one.
pool.on('error', (error) => console.error(error.message))
const taskBoard = await createTaskBoard({ pool, webRoot, keptEvents: Number(KEPT_EVENTS) }).catch((error: Error) =>
  fail(`The database at DATABASE_URL cannot be used: ${error.message || String((error as { code?: unknown }).code)}`),
)
const server = createServer(taskBoard.app)
server.on('error', (error: NodeJS.ErrnoException) =>
  fail(
    error.code === 'EADDRINUSE'
      ? `Port ${PORT} is taken. Stop what listens there, or choose another: PORT=3001 npm start`
      : `Cannot listen on port ${PORT}: ${error.message}`,
  ),
)
server.listen(Number(PORT))
await once(server, 'listening')
console.log(`Task board: http://localhost:${(server.address() as AddressInfo).port}`)

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())

/** A second signal does not wait for the first one's grace period. */
async function stop(): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  server.close()
  await taskBoard.close({ graceMs })
  server.closeAllConnections()
  await pool.end()
  process.exit(0)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
