import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { ignoreIdleErrors, type PgPool } from './postgres-client.js'

it('keeps a connection that ends as soon as it is open from ending the process', () => {
  const connect = () => Promise.reject(new Error('not asked for'))
  const pool = Object.assign(new EventEmitter(), { totalCount: 0, connect }) satisfies PgPool
  const takeBack = ignoreIdleErrors(pool)
  const connection = new EventEmitter()
  pool.emit('connect', connection)
  const error = new Error('terminating connection due to administrator command')
  expect(() => connection.emit('error', error)).not.toThrow()
  expect(() => pool.emit('error', error)).not.toThrow()
  takeBack()
  expect([pool.listenerCount('connect'), pool.listenerCount('error')]).toEqual([0, 0])
})
