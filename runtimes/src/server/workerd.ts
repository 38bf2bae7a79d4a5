import { createApp } from './app.js'

interface Namespace {
  idFromName(name: string): unknown
  get(id: unknown): { fetch(request: Request): Promise<Response> }
}

/** Where the manager lives. One request may not write to another's stream on workers, unless both are in one object. */
export class Application {
  readonly fetch: (request: Request) => Promise<Response> = createApp()
}

// biome-ignore lint/style/noDefaultExport: a worker is told by its default export.
export default {
  fetch: (request: Request, { APPLICATION }: { APPLICATION: Namespace }): Promise<Response> =>
    APPLICATION.get(APPLICATION.idFromName('')).fetch(request),
}
