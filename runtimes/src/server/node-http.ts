import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { handleEventStream } from '@rivulet/server/node'
import { type Action, App } from './app.js'

const app = new App()

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return handleEventStream(app.manager, request, response, app.options)
  const action = (request.url as string).slice(1) as Action
  response.end(JSON.stringify((await app.act(action, JSON.parse(await text(request)))) ?? null))
})

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`))
