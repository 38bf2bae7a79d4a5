import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { SqliteBackplane, type SqliteDatabase } from '@rivulet/backplane-sqlite'
import { defineEvents } from '@rivulet/core'
import { type Backplane, EventManager, MemoryBackplane } from '@rivulet/server'
import { connectBackplane, serveBackplane } from '@rivulet/server/ipc'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'

// One process of a machine: `ipc-process.ts <primary|worker> <socket> <port> [libsql database]`. It publishes the numbers that it is sent, and
// answers "presence" with the ports whose streams it knows.

const [role, path, port, libsql, file] = process.argv.slice(2) as [string, string, string, string?, string?]
const events = defineEvents({ count: z.object({ n: z.number(), padding: z.string() }) })
/** Some hundred events are more than the kernel's buffer and the backlog of a worker hold. */
const padding = 'x'.repeat(4_000)

function openDatabase(libsql: string, file: string): SqliteBackplane {
  const Database = createRequire(libsql)(libsql) as new (path: string) => SqliteDatabase
  return new SqliteBackplane({ database: new Database(file) })
}

async function open(): Promise<Backplane> {
  if (role === 'worker') return connectBackplane({ path, timeoutMs: 10_000 })
  const backplane = libsql ? openDatabase(libsql, file!) : new MemoryBackplane()
  await serveBackplane(backplane, { path, maxBacklogBytes: 100_000 })
  return backplane
}

void open().then((backplane) => {
  const presence = { nodeTimeoutMs: 1_000 }
  const manager = new EventManager({ events, backplane, presence, onError: () => {} })
  const server = createServer(
    (request, response) => void handleEventStream(manager, request, response, { presence: () => port }),
  )
  server.listen(Number(port), '127.0.0.1', () => process.send!('ready'))

  process.on('message', (n: number | 'presence') => {
    if (n === 'presence') {
      void manager.presence('default').then((members) => process.send!(members.map(({ info }) => info).sort()))
      return
    }
    manager.publish('count', { n, padding }).then(
      () => process.send!({ n, stored: true }),
      () => process.send!({ n, stored: false }),
    )
  })
  process.on('disconnect', () => process.exit())
})
