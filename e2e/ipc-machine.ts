import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { bundled } from '../test-support/bundled.js'
import { endProcess } from '../test-support/end-process.js'
import { freePort } from '../test-support/free-port.js'

const libsql = createRequire(import.meta.url).resolve('libsql')
const program = new URL('ipc-process.ts', import.meta.url)

/** A process that is started again on the same port and socket. */
export class Node {
  readonly role: 'primary' | 'worker'
  readonly path: string
  readonly port: number
  readonly database: string | undefined
  child: ChildProcess | undefined
  /** It has not answered to the last event. */
  busy = false

  constructor(role: 'primary' | 'worker', path: string, port: number, database?: string) {
    this.role = role
    this.path = path
    this.port = port
    this.database = database
  }

  async start(): Promise<void> {
    const args = [this.role, this.path, String(this.port), ...(this.database ? [libsql, this.database] : [])]
    this.child = fork(await bundled(program), args, { execArgv: [] })
    // Each event that waits for an answer listens.
    this.child.setMaxListeners(0)
    await once(this.child, 'message')
  }

  /** @returns True if the event is certain to be stored. */
  async publish(n: number): Promise<boolean> {
    const { child } = this
    if (!child?.connected) return false
    child.send(n, () => {})
    this.busy = true
    return new Promise((resolve) => {
      const done = (stored: boolean) => {
        child.off('message', onMessage)
        child.off('exit', onExit)
        this.busy = false
        resolve(stored)
      }
      const onMessage = (answer: { n: number; stored: boolean }) => answer.n === n && done(answer.stored)
      const onExit = () => done(false)
      child.on('message', onMessage)
      child.on('exit', onExit)
    })
  }
}

export interface Machine {
  readonly primary: Node
  readonly workers: readonly Node[]
  readonly nodes: readonly Node[]
}

/** Starts a process that serves its backplane, and two that use it. They end with the test. */
export async function startMachine(history: 'memory' | 'sqlite'): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'rivulet-'))
  const path = join(folder, 'backplane')
  const database = history === 'sqlite' ? join(folder, 'events.db') : undefined
  const primary = new Node('primary', path, await freePort(), database)
  const workers = [new Node('worker', path, await freePort()), new Node('worker', path, await freePort())]
  const nodes = [primary, ...workers]
  onTestFinished(async () => {
    for (const { child } of nodes) await endProcess(child, 'SIGKILL')
    await rm(folder, { recursive: true })
  })
  await Promise.all(nodes.map((node) => node.start()))
  return { primary, workers, nodes }
}

export async function crash(node: Node): Promise<void> {
  await endProcess(node.child, 'SIGKILL')
  await node.start()
}
