import { createApp } from './app.js'

interface Namespace {
  idFromName(name: string): unknown
  get(id: unknown): { fetch(request: Request): Promise<Response> }
}

/** Holds the manager. On workers, a request cannot write to another request's stream unless both are in the same object. */
export class Application {
  readonly fetch: (request: Request) => Promise<Response> = createApp()
}

// biome-ignore lint/style/noDefaultExport: a worker is told by its default export.
export default {
  fetch: (request: Request, { APPLICATION }: { APPLICATION: Namespace }): Promise<Response> =>
    APPLICATION.get(APPLICATION.idFromName('')).fetch(request),
}
