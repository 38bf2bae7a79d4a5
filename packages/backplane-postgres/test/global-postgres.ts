import type { TestProject } from 'vitest/node'
import { PostgresServer, serverFolder } from './postgres-server.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the server that all tests share; empty if PostgreSQL is not installed. */
    postgresUrl: string
  }
}

/** One server for all tests of the package; each test has a schema of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = (await serverFolder()) ? await PostgresServer.start() : undefined
  project.provide('postgresUrl', server?.url ?? '')
  return async () => server?.dispose()
}
