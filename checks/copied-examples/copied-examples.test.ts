import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { decodeStream, isControlEvent } from '@rivulet/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresServer, serverFolder } from '../../packages/backplane-postgres/test/postgres-server.js'
import { ExampleProcess } from '../../test-support/example-process.js'
import { freePort } from '../../test-support/free-port.js'
import { root } from '../../test-support/root.js'
import { codeBlocks } from '../code-blocks.js'
import { packPackages } from '../pack-packages.js'

/** Runs a command in a folder, and shows its whole output if it fails. */
async function run(cwd: string, command: string, ...args: string[]): Promise<void> {
  await promisify(execFile)(command, args, { cwd }).catch(({ stdout, stderr }) => {
    throw new Error(`${[command, ...args].join(' ')} failed:\n${stdout}${stderr}`)
  })
}

interface Stream {
  readonly path: string
  readonly init: RequestInit
  /** A request without which the stream does not exist. */
  readonly before?: { readonly path: string; readonly init: RequestInit }
}

const cookie = `user=${randomUUID()}`
const answerId = randomUUID()
const message = { id: randomUUID(), answerId, text: 'Why Server-Sent Events?' }

/** Requests for the streams of examples that do not serve their first event at `/api/events/stream`. */
const streams: Record<string, Stream> = {
  chat: {
    before: {
      path: `/api/conversations/${randomUUID()}/messages`,
      init: {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json' },
        body: JSON.stringify(message),
      },
    },
    path: `/api/answers/${answerId}`,
    init: { headers: { cookie } },
  },
  'task-board': {
    before: {
      path: '/api/boards/website/cards',
      init: {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: randomUUID(), title: 'A card', column: 'todo' }),
      },
    },
    // From a position before all events.
    path: '/api/events/stream?lastEventId=1',
    init: {},
  },
  hono: {
    path: '/api/imports/1',
    init: { method: 'POST', body: JSON.stringify({ csv: 'email,name,password\nada@example.com,Ada,correct horse' }) },
  },
}

const hasPostgres = (await serverFolder()) !== undefined
let postgres: PostgresServer | undefined
let folder: string
/** Tarballs of the published packages, by name. */
let tarballs: Record<string, string>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rivulet-copies-'))
  tarballs = packPackages(folder)
  postgres = hasPostgres ? await PostgresServer.start() : undefined
  if (postgres) process.env.DATABASE_URL = postgres.url
}, 60_000)

afterAll(async () => {
  await postgres?.dispose()
  await rm(folder, { recursive: true, force: true })
})

const examples = readdirSync(join(root, 'examples')).filter((name) => name !== 'task-board' || hasPostgres)

describe.each(examples)('examples/%s, copied out of the repository', (name) => {
  it('installs, builds and runs', async () => {
    const copy = join(folder, name)
    copyExample(join(root, 'examples', name), copy)
    await run(copy, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error')
    await run(copy, 'npm', 'run', 'typecheck')
    if (writeReadmeFiles(copy)) await run(copy, 'npx', 'tsc', '-p', 'tsconfig.readme.json')
    await run(copy, 'npm', 'run', 'build')

    const server = new ExampleProcess(copy, await freePort())
    await server.start()
    try {
      const page = await fetch(server.url)
      expect(page.status).toBe(200)
      expect(await page.text()).toContain('<div id=')
      const { path, init, before }: Stream = streams[name] ?? { path: '/api/events/stream', init: {} }
      if (before) expect((await fetch(server.url + before.path, before.init)).ok).toBe(true)
      expect(await firstEvent(await fetch(server.url + path, init))).toBeTypeOf('object')
    } finally {
      await server.stop()
    }
  }, 240_000)
})

/** Returns the payload of the application's first event. */
async function firstEvent(response: Response): Promise<unknown> {
  for await (const { event, data } of decodeStream(response.body!)) if (!isControlEvent(event)) return JSON.parse(data)
  throw new Error('The stream ended without an event.')
}

/** Writes the files that the README shows, code blocks whose first line is a path. Returns `false` if it shows none. */
function writeReadmeFiles(copy: string): boolean {
  const blocks = codeBlocks(readFileSync(join(copy, 'README.md'), 'utf8'))
  const paths = blocks.flatMap(({ text }) => {
    const path = /^\/\/ (\S+\.tsx?)\n/.exec(text)?.[1]
    if (!path) return []
    mkdirSync(join(copy, dirname(path)), { recursive: true })
    writeFileSync(join(copy, path), text)
    return [path]
  })
  const config = { extends: './tsconfig.json', include: paths }
  writeFileSync(join(copy, 'tsconfig.readme.json'), JSON.stringify(config))
  return paths.length > 0
}

/** Copies the example's sources as a user would, with the packages' versions replaced by their tarballs. */
function copyExample(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !['node_modules', 'dist', 'data'].includes(basename(path)) })
  const file = join(to, 'package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  for (const dependency of Object.keys(manifest.dependencies)) {
    manifest.dependencies[dependency] = tarballs[dependency] ?? manifest.dependencies[dependency]
  }
  // The packages' dependencies on each other come from the tarballs too.
  manifest.overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !(name in manifest.dependencies)))
  writeFileSync(file, JSON.stringify(manifest))
}
