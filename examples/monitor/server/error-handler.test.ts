import express from 'express'
import { expect, it } from 'vitest'
import { errorHandler } from './error-handler.js'
import { SystemEventService } from './system-event-service.js'
import { recordingEmit, serve } from './testing.js'

async function ask(error: unknown) {
  const { emit, emitted } = recordingEmit()
  const app = express()
  app.get('/route', () => {
    throw error
  })
  app.use(errorHandler(new SystemEventService({ emit })))
  const response = await fetch(`${await serve(app)}/route`)
  return { status: response.status, body: await response.json(), emitted }
}

it('reports its own errors and hides their reason from the client', async () => {
  const { status, body, emitted } = await ask(new Error('the password is 1234'))
  expect(status).toBe(500)
  expect(JSON.stringify(body)).not.toContain('1234')
  expect(emitted).toMatchObject([{ type: 'system', payload: { event: 'server_error' } }])
})

it('tells only the client about the client’s mistake', async () => {
  const { status, body, emitted } = await ask(Object.assign(new Error('Not a number'), { status: 422 }))
  expect(status).toBe(422)
  expect(body).toEqual({ error: { code: 'BAD_REQUEST', message: 'Not a number' } })
  expect(emitted).toEqual([])
})

it('treats any status that is not a client error as a failure', async () => {
  expect((await ask(Object.assign(new Error('odd'), { status: 200 }))).status).toBe(500)
})
