import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backplane } from '@rivulet/server'
import { serveBackplane } from '@rivulet/server/ipc'

export interface Workers {
  /** Ends all workers within their grace period. Those that are late are killed. */
  stop(): Promise<void>
}

export interface WorkersOptions {
  readonly count: number
  /** The backplane that has the events. This process serves it to the workers. */
  readonly backplane: Backplane
  /** Time to end that a worker has. */
  readonly stopMs: number
  /** Called once, when the first worker listens. */
  onListening(port: number): void
  /** Called if a worker ends before it listens. It has said why. */
  onFailed(): void
}

/** Starts processes that share one port, and replaces those that die. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  // Only this user may enter the folder.
  const folder = mkdtempSync(join(tmpdir(), 'monitor-'))
  const path = join(folder, 'backplane')
  const served = await serveBackplane(options.backplane, { path, onError: console.error })
  const listening = new Set<number>()
  let stopping = false

  function start(number: number): void {
    const worker = cluster.fork({ WORKER: String(number), BACKPLANE: path })
    let listens = false
    worker.once('listening', ({ port }) => {
      listens = true
      if (listening.size === 0) options.onListening(port)
      listening.add(number)
    })
    worker.once('exit', () => {
      if (stopping) return
      if (listens) start(number)
      else options.onFailed()
    })
  }
  for (let number = 1; number <= options.count; number++) start(number)

  return {
    async stop() {
      stopping = true
      const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
      await Promise.all(
        workers.map(async ({ process }) => {
          process.kill('SIGTERM')
          const late = setTimeout(() => process.kill('SIGKILL'), options.stopMs)
          await once(process, 'exit')
          clearTimeout(late)
        }),
      )
      await served.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
