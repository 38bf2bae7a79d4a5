import { backplaneChecks } from '@rivulet/testing/backplane'
import { describe, it } from 'vitest'
import { drivers, TemporaryFolder } from '../test/drivers.js'
import { SqliteBackplane } from './index.js'

describe.each(drivers)('with $name', ({ open }) => {
  const checks = backplaneChecks(({ retention }) => {
    const folder = new TemporaryFolder()
    const database = open!(folder.file())
    // One process is one node: managers of other processes have backplanes of their own.
    const backplane = new SqliteBackplane({ database, retention })
    return {
      one: backplane,
      other: backplane,
      dispose() {
        backplane.close()
        database.close()
        folder.dispose()
      },
    }
  })
  for (const { name, run } of checks) it.skipIf(!open)(name, run)
})
