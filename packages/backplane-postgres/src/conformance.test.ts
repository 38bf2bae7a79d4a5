import { backplaneChecks } from '@rivulet/testing/backplane'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { clear, installed, pools, url } from '../test/scene.js'
import { migrate, PostgresBackplane } from './index.js'

describe.skipIf(!installed).each(Object.entries(pools))('with %s', (name, open) => {
  const pool = open(url)
  const schema = `conformance_${process.pid}_${name}`
  beforeAll(() => migrate(pool.client, { schema }))
  afterAll(async () => {
    await pool.query(`DROP SCHEMA ${schema} CASCADE`)
    await pool.end()
  })

  const checks = backplaneChecks(async ({ retention }) => {
    const [one, other] = [1, 2].map(() => new PostgresBackplane({ client: pool.client, schema, retention }))
    return {
      one: one!,
      other: other!,
      async dispose() {
        one!.close()
        other!.close()
        await clear(pool, schema)
      },
    }
  })
  for (const { name, run } of checks) it(name, { timeout: 120_000 }, run)
})
