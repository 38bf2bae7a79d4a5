import { Router } from 'express'

/** Trouble on request, so that one can see what the page makes of it. Leave this file out of a copy that is put online. */
export function demoRoutes(): Router {
  const router = Router()
  router.all('/error', () => {
    throw new Error('This route throws on purpose')
  })
  router.post('/busy', (_request, response) => {
    const until = performance.now() + 300
    while (performance.now() < until) {
      // Holds up the event loop, which is the point.
    }
    response.sendStatus(204)
  })
  return router
}
