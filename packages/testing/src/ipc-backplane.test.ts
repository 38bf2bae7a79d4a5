import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryBackplane } from '@rivulet/server'
import { connectBackplane, serveBackplane } from '@rivulet/server/ipc'
import { describe, it } from 'vitest'
import { type BackplaneUnderTest, backplaneChecks, type CreateBackplane } from './backplane.js'

/** Two nodes of one machine. The first one serves or is a worker. */
const create =
  (first: 'host' | 'worker'): CreateBackplane =>
  async ({ retention }): Promise<BackplaneUnderTest> => {
    const folder = await mkdtemp(join(tmpdir(), 'rivulet-'))
    const path = join(folder, 'backplane')
    const memory = new MemoryBackplane({ retention })
    const server = await serveBackplane(memory, { path })
    const other = await connectBackplane({ path })
    const one = first === 'host' ? memory : await connectBackplane({ path })
    return {
      one,
      other,
      async dispose() {
        await other.close()
        await one.close()
        await server.close()
        memory.close()
        await rm(folder, { recursive: true })
      },
    }
  }

describe.each(['host', 'worker'] as const)('a backplane served to a worker, beside a %s', (first) => {
  for (const { name, run } of backplaneChecks(create(first))) it(name, run)
})
