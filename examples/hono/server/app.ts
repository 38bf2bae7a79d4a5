import { EventManager, type RunInfo, RunManager } from '@rivulet/server'
import { runStopResponse, runStreamResponse } from '@rivulet/server/web'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import * as z from 'zod'
import { events, importPath, importsPath, maxBytes, maxMebibytes } from '../shared/events.ts'
import { Accounts } from './accounts.ts'
import { type Identified, identify } from './identify.ts'
import { importRows } from './imports.ts'
import { FileError, readRows } from './read-rows.ts'

const importRequest = z.object({
  name: z.string().max(200).default('import.csv'),
  /** The file. */
  csv: z.string(),
})

export interface ImportApp {
  readonly app: Hono<Identified>
  readonly manager: EventManager<typeof events>
  readonly runs: RunManager<typeof events>
  /** Waits for running imports as long as given, then ends them and the streams. */
  close(options?: { graceMs?: number }): Promise<void>
}

/** The application, from web-standard requests to responses, for any runtime that serves those. */
export function createApp({
  accounts = new Accounts(),
  onError = console.error,
}: {
  accounts?: Accounts
  onError?: (error: unknown) => void
} = {}): ImportApp {
  const manager = new EventManager({ events, source: 'import', onError: (error) => onError(error) })
  const runs = new RunManager({ manager, maxRunningPerKey: 4 })
  const app = new Hono<Identified>()
  app.use('/api/*', identify)

  /** The route of an import: its owner reads and cancels it. */
  const importOf = (context: Context<Identified>) => ({
    id: () => context.req.param('id'),
    authorize: (_: Request, { run }: { run: RunInfo | undefined }) => run === undefined || run.key === context.var.user,
  })

  const route = `${importsPath}/:id` as const

  app.get(importsPath, async (context) => {
    const kept = await runs.list({ key: context.var.user })
    return context.json(kept.map(({ id }) => id))
  })

  // One request starts an import and streams it. The page chooses the id, so a request that is sent again starts nothing.
  app.post(
    route,
    bodyLimit({
      maxSize: 2 * maxBytes,
      onError: (context) => context.text(`The file is larger than ${maxMebibytes} MiB.`, 413),
    }),
    (context) => {
      const id = context.req.param('id')
      return runStreamResponse(runs, context.req.raw, {
        async start() {
          const parsed = importRequest.safeParse(await context.req.json().catch(() => undefined))
          if (!parsed.success) return { status: 400, message: 'The body has to be JSON: { "name": …, "csv": … }.' }
          const { name, csv } = parsed.data
          try {
            const rows = readRows(csv)
            return await runs.start(id, { key: context.var.user }, () => importRows(name, rows, accounts))
          } catch (error) {
            if (error instanceof FileError) return { status: 422, message: error.message }
            throw error
          }
        },
        location: () => importPath(id),
        authorize: importOf(context).authorize,
      })
    },
  )
  app.get(route, (context) => runStreamResponse(runs, context.req.raw, importOf(context)))
  app.delete(route, (context) => runStopResponse(runs, context.req.raw, { ...importOf(context), reason: 'cancelled' }))

  app.post(`${route}/remove`, async (context) => {
    const id = context.req.param('id')
    const run = await runs.get(id)
    if (run?.key !== context.var.user) return context.text('There is no such import.', 404)
    await runs.forget(id)
    return context.body(null, 204)
  })

  return {
    app,
    manager,
    runs,
    async close(options) {
      await runs.close(options)
      await manager.close(options)
    },
  }
}
