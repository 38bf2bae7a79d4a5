// One node: `node node-process.js <address of Postgres>`
import { createServer } from 'node:http'
import { PostgresBackplane } from '@rivulet/backplane-postgres'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import pg from 'pg'
import { z } from 'zod'
import { serve } from '../child.js'
import { listen } from '../measured-process.js'
import { now, sleep } from '../server/clock.js'
import { firstSeq, payloadOf } from '../server/event.js'
import { eventName } from '../server/subject.js'

const pool = new pg.Pool({ connectionString: process.argv[2] })
const backplane = new PostgresBackplane({ client: pool })
const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
const manager = new EventManager({ events, backplane })
const server = createServer((request, response) => handleEventStream(manager, request, response))

const service = {
  listen: (): Promise<number> => listen(server),

  /** Changes a row and publishes an event in one transaction, again and again. Returns when each commit was sent. */
  async change({ count, perSecond, bytes }: { count: number; perSecond: number; bytes: number }): Promise<number[]> {
    const at: number[] = []
    const client = await pool.connect()
    const begin = now()
    for (let seq = 0; seq < count; seq++) {
      await sleep(Math.max(0, begin + (seq * 1e3) / perSecond - now()))
      await client.query('BEGIN')
      await client.query('INSERT INTO bench_rows (text) VALUES ($1)', ['A change'])
      await manager.publish(eventName, payloadOf(firstSeq + seq, bytes), { transaction: client })
      at.push(now())
      await client.query('COMMIT')
    }
    client.release()
    return at
  },
}

export type PostgresNodeService = typeof service

serve(service)
