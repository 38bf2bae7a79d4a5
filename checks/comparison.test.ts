import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { decodeStream, defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { root } from '../test-support/root.js'
import { namedTests } from './named-tests.js'

describe('the comparison', () => {
  const page = readFileSync(join(root, 'docs/guide/comparison.md'), 'utf8')
  const tables = page.split('\n\n').filter((block) => block.startsWith('|'))
  const [servers, serverTests, clients, clientTests] = tables.map((table) =>
    table
      .split('\n')
      .filter((line) => !line.startsWith('|---'))
      .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| ?| ?\|$/g, ''))),
  ) as [string[][], string[][], string[][], string[][]]
  const rows = (table: string[][]) => table.slice(1).map(([name]) => name)

  it('names tests that exist', () => {
    const { count, missing } = namedTests(page)
    expect(count).toBeGreaterThan(10)
    expect(missing).toEqual([])
    for (const [, file] of page.matchAll(/`([\w/.-]+\.test-d\.ts)`/g)) expect(existsSync(join(root, file!))).toBe(true)
  })

  it('has a test, or the benchmark, for each row', () => {
    const source = readFileSync(join(root, 'bench/src/behaviour/scenarios.ts'), 'utf8')
    const printed = Array.from(source.matchAll(/^ {4}name: '(.+)',$/gm), ([, name]) => name)
    expect(rows(servers)).toEqual(rows(serverTests))
    expect(rows(clients)).toEqual([...printed, ...rows(clientTests)])
  })

  it('names the versions that are installed here', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'bench/package.json'), 'utf8'))
    const { dependencies } = JSON.parse(readFileSync(join(root, 'examples/hono/package.json'), 'utf8'))
    const installed = { ...dependencies, ...devDependencies, eventsource: devDependencies['eventsource-5'] }
    const peers = [servers, clients].flatMap(([head]) => head!.slice(2))
    expect(peers.length).toBe(8)
    for (const peer of peers) {
      const [, name, version] = /^(\S+)(?: `streamSSE`)? ([\d.]+)$/.exec(peer)!
      // The repository does not use it: its column comes from its source.
      if (name === '@fastify/sse') continue
      expect(installed[name!.toLowerCase()].replace(/^npm:.*@/, ''), name).toBe(version)
    }
  })
})

it('an event to many clients is encoded once', async () => {
  const manager = new EventManager({ events: defineEvents({ log: z.object({ message: z.string() }) }) })
  const server = createServer((request, response) => handleEventStream(manager, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(url)))
  await expect.poll(() => manager.connections.size).toBe(20)

  const stringify = vi.spyOn(JSON, 'stringify')
  await manager.publish('log', { message: 'to all' })
  const received = await Promise.all(
    responses.map(async ({ body }) => {
      for await (const { event, data } of decodeStream(body!)) if (event === 'log') return JSON.parse(data).message
    }),
  )
  const encoded = stringify.mock.calls.filter(([value]) => (value as { message?: string })?.message === 'to all')
  stringify.mockRestore()
  expect(received).toEqual(Array(20).fill('to all'))
  expect(encoded.length).toBe(1)
})
