import { EventManager } from '@rivulet/server'
import { eventStreamResponse } from '@rivulet/server/web'
import { type Events, events, type Setup, serveWith, streamOptions } from '../../../packages/server/test/served.js'

/** Actions that a check can ask of a manager in another process. `start` makes a new manager. */
export type Action = 'start' | 'publish' | 'stats' | 'connections' | 'disconnectAll' | 'closeManager'

/** Runs a manager that is controlled by requests. */
export class App {
  manager: EventManager<Events> = new EventManager({ events })
  options = streamOptions({})

  async act(action: Action, argument: unknown): Promise<unknown> {
    if (action === 'start') {
      const setup = argument as Setup
      this.manager = new EventManager({ events, ...setup.manager })
      this.options = streamOptions(setup)
      return
    }
    const served = serveWith(this.manager, () => Promise.reject(new Error('Clients are not opened here.')))
    return served[action](argument as never)
  }
}

/** Web-standard handler: `GET` or `HEAD` opens a stream, `POST /<action>` performs an action. */
export function createApp(): (request: Request) => Promise<Response> {
  const app = new App()
  return async (request) => {
    if (request.method !== 'POST') return eventStreamResponse(app.manager, request, app.options)
    const action = new URL(request.url).pathname.slice(1) as Action
    return Response.json((await app.act(action, await request.json())) ?? null)
  }
}
