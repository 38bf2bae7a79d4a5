import cluster from 'node:cluster'
import { threadId, workerData } from 'node:worker_threads'
import { MemoryBackplane } from '../src/backplane/memory-backplane.js'
import { connectBackplane } from '../src/ipc/connect-backplane.js'
import { serveBackplane } from '../src/ipc/serve-backplane.js'

// A process or thread of a test: `ipc-process.ts <part> <path>`.

const [part, path] = (threadId === 0 ? process.argv.slice(2) : workerData) as [string, string]

const parts: Record<string, () => unknown> = {
  /** Connects, publishes, and stays. */
  stay: async () => {
    const backplane = await connectBackplane({ path })
    await backplane.publish('a', { type: 'log', data: 'from a thread' }, { retain: true })
  },
  /** Connects and, when it is told to, closes. Then nothing keeps it alive. */
  close: async () => {
    const backplane = await connectBackplane({ path })
    process.once('message', () => {
      process.disconnect()
      void backplane.close()
    })
    process.send!('connected')
  },
  /** Two workers of a cluster that both want to serve. */
  cluster: () => {
    if (cluster.isWorker) {
      serveBackplane(new MemoryBackplane(), { path }).then(
        () => process.send!('serves'),
        (error: Error) => process.send!(error.message),
      )
      return
    }
    for (let count = 0; count < 2; count++) cluster.fork().on('message', (message) => process.send!(message))
  },
}

void parts[part]!()
