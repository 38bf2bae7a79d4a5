import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeSink } from '../../../packages/server/test/sink-checks.js'
import { binary, nodes } from '../binaries.js'
import { RemoteServer } from './remote-server.js'

const printed = (output: string) => /^(http:\S+)\n/m.exec(output)?.[1]

interface Host {
  /** Path of the program below this folder. */
  readonly source: string
  start(folder: string): Promise<RemoteServer>
}

const bun = (folder: string) => RemoteServer.start([binary('bun'), join(folder, 'app.mjs')], printed)
const deno = (folder: string) => RemoteServer.start([binary('deno'), 'run', '-A', join(folder, 'app.mjs')], printed)

const hosts: Record<string, Host> = {
  '@rivulet/server/web on Bun': { source: 'bun', start: bun },
  '@rivulet/server/web on Deno': { source: 'deno', start: deno },
  '@rivulet/server/web on workerd': {
    source: 'workerd',
    async start(folder) {
      await copyFile(fileURLToPath(new URL('workerd.capnp', import.meta.url)), join(folder, 'workerd.capnp'))
      const command = [binary('workerd'), 'serve', join(folder, 'workerd.capnp'), '--control-fd=3']
      return RemoteServer.start(command, (output) => {
        const port = /"socket":"http","port":(\d+)/.exec(output)?.[1]
        return port && `http://127.0.0.1:${port}/`
      })
    },
  },
  '@rivulet/server/node on Bun': { source: 'node-http', start: bun },
  '@rivulet/server/node on Deno': { source: 'node-http', start: deno },
  ...Object.fromEntries(
    nodes.map((node) => [
      `@rivulet/server/node on ${node}`,
      {
        source: 'node-http',
        start: (folder: string) => RemoteServer.start([binary(node), join(folder, 'app.mjs')], printed),
      },
    ]),
  ),
}

describe.each(Object.entries(hosts))('%s', (_, { source, start }) => {
  let folder: string
  let server: RemoteServer

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rivulet-runtime-'))
    await build({
      entryPoints: [fileURLToPath(new URL(`${source}.ts`, import.meta.url))],
      outfile: join(folder, 'app.mjs'),
      bundle: true,
      format: 'esm',
      target: 'es2022',
      // On the platform `browser`, importing a module of Node.js is an error: the web sink must do without.
      platform: source === 'node-http' ? 'node' : 'browser',
      logLevel: 'error',
    })
    server = await start(folder)
  })

  afterAll(async () => {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  describeSink('serves streams', (setup) => server.serve(setup))
})
