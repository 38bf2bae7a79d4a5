import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import express from 'express'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { dataOf, listen, openStream } from '../../server/src/stream-client.test.util.js'
import { eventStream } from './index.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

it('streams a channel by the route, with the headers of earlier middleware', async () => {
  const manager = new EventManager({ events })
  const app = express()
  app.use((_, response, next) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    next()
  })
  app.get('/rooms/:room', eventStream(manager, { channels: (request) => [`room:${request.params.room}`] }))
  const url = await listen(createServer(app))
  onTestFinished(() => manager.close())
  const client = await openStream(`${url}/rooms/7`)
  await client.received(1)
  await manager.channel('room:7').publish('log', { message: 'hello' })
  const messages = await client.received(2)
  expect(client.response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'access-control-allow-origin': '*',
  })
  expect(dataOf(messages, 'log')).toMatchObject([{ message: 'hello' }])
})
