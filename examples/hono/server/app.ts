import { EventManager } from '@rivulet/server'
import { eventStreamResponse } from '@rivulet/server/web'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import * as z from 'zod'
import { events, maxBytes, maxRows } from '../shared/events.ts'
import { Accounts } from './accounts.ts'
import { Imports, keptMs } from './imports.ts'
import { FileError } from './read-rows.ts'

/** Number of an import's events: one per row, and one before and after them. */
const maxEvents = maxRows + 2

const streamRequest = z.object({
  name: z.string().max(200).default('import.csv'),
  /** The file. Missing in requests that only follow a running or finished import. */
  csv: z.string().optional(),
})

export interface ImportApp {
  readonly app: Hono
  readonly manager: EventManager<typeof events>
  /** Cancels running imports and ends the streams. */
  close(options?: { graceMs?: number }): Promise<void>
}

/** The application, from web-standard requests to responses, for any runtime that serves those. */
export function createApp(accounts: Accounts = new Accounts()): ImportApp {
  const manager = new EventManager({
    events,
    source: 'import',
    retention: { maxEvents, maxBytes: 2 * maxBytes, maxAgeMs: keptMs },
  })
  const imports = new Imports(manager, accounts)
  const app = new Hono()

  // One request starts an import and streams its progress. The page chooses the id, so when a reconnect repeats the
  // request, it continues with the same import instead of starting another one.
  app.post(
    '/api/imports/:id/stream',
    bodyLimit({
      maxSize: 2 * maxBytes,
      onError: (context) => context.text(`The file is larger than ${maxBytes / 1e6} MB.`, 413),
    }),
    async (context) => {
      const id = context.req.param('id')
      const parsed = streamRequest.safeParse(await context.req.json().catch(() => undefined))
      if (!parsed.success) return context.text('The body has to be JSON: { "name": …, "csv": … }.', 400)
      const { name, csv } = parsed.data
      if (!imports.has(id)) {
        if (csv === undefined)
          return context.text('This import is not known here: the server was restarted, or an hour has passed.', 404)
        try {
          imports.start(id, name, csv)
        } catch (error) {
          if (error instanceof FileError) return context.text(error.message, 422)
          throw error
        }
      }
      // A client without a cursor gets the whole history, a client with one the events after it.
      return eventStreamResponse(manager, context.req.raw, { channels: [id], replay: maxEvents })
    },
  )

  app.delete('/api/imports/:id', (context) =>
    imports.cancel(context.req.param('id'))
      ? context.body(null, 204)
      : context.text('No such import is under way.', 404),
  )

  return {
    app,
    manager,
    close(options) {
      imports.cancelAll()
      return manager.close(options)
    },
  }
}
