import { afterAll, beforeAll, describe } from 'vitest'
import { checkBackplane, installed, pools, url } from '../test/scene.js'
import { migrate } from './index.js'

describe.skipIf(!installed).each(Object.entries(pools))('with %s', (name, open) => {
  const pool = open(url)
  const schema = `conformance_${process.pid}_${name}`
  beforeAll(() => migrate(pool.client, { schema }))
  afterAll(async () => {
    await pool.query(`DROP SCHEMA ${schema} CASCADE`)
    await pool.end()
  })

  checkBackplane(pool.client, schema, pool)
})
