import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { type Backplane, EventManager, MemoryBackplane } from '@rivulet/server'
import { connectBackplane, serveBackplane } from '@rivulet/server/ipc'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'

// One process of a machine: `ipc-process.ts <primary|worker> <socket> <port>`. It publishes the numbers that it is sent.

const [role, path, port] = process.argv.slice(2) as [string, string, string]
const events = defineEvents({ count: z.object({ n: z.number() }) })

async function open(): Promise<Backplane> {
  if (role === 'worker') return connectBackplane({ path, timeoutMs: 10_000 })
  const backplane = new MemoryBackplane()
  await serveBackplane(backplane, { path, maxBacklogBytes: 100_000 })
  return backplane
}

void open().then((backplane) => {
  const manager = new EventManager({ events, backplane, onError: () => {} })
  const server = createServer((request, response) => void handleEventStream(manager, request, response, {}))
  server.listen(Number(port), '127.0.0.1', () => process.send!('ready'))

  process.on('message', (n: number) => {
    manager.publish('count', { n, padding: 'x'.repeat(200) } as { n: number }).then(
      () => process.send!({ n, stored: true }),
      () => process.send!({ n, stored: false }),
    )
  })
  process.on('disconnect', () => process.exit())
})
