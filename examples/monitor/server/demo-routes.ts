import { Router } from 'express'

/** Causes trouble on request, to show how the page handles it. Remove this file before you put a copy online. */
export function demoRoutes(): Router {
  const router = Router()
  router.all('/error', () => {
    throw new Error('This route throws on purpose')
  })
  router.post('/busy', (_request, response) => {
    const until = performance.now() + 300
    while (performance.now() < until) {
      // Blocks the event loop on purpose.
    }
    response.sendStatus(204)
  })
  return router
}
