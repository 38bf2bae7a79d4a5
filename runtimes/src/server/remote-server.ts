import { type ChildProcess, spawn } from 'node:child_process'
import { openHttp } from '../../../packages/server/test/http-client.js'
import type { Served, Setup } from '../../../packages/server/test/served.js'
import { endProcess } from '../../../test-support/end-process.js'
import type { Action } from './app.js'

/** Runs the application of `app.ts` in a process of another runtime. */
export class RemoteServer {
  readonly #process: ChildProcess
  readonly #url: string

  private constructor(process: ChildProcess, url: string) {
    this.#process = process
    this.#url = url
  }

  /** @param readUrl Finds the server's address in its output. */
  static async start(
    command: readonly string[],
    readUrl: (output: string) => string | undefined,
  ): Promise<RemoteServer> {
    const [program, ...args] = command
    // The fourth pipe is for workerd, which tells its ports there.
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
    let output = ''
    const url = await new Promise<string>((resolve, reject) => {
      for (const pipe of [child.stdout, child.stdio[3]]) {
        pipe?.on('data', (text) => {
          output += text
          const found = readUrl(output)
          if (found) resolve(found)
        })
      }
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`${program} ended with code ${code}:\n${output}`)))
    })
    return new RemoteServer(child, url)
  }

  async serve(setup: Setup): Promise<Served> {
    await this.#ask('start', setup)
    return {
      open: (headers = {}, method = 'GET') => openHttp(this.#url, headers, method),
      publish: (messages) => this.#ask('publish', messages),
      stats: () => this.#ask('stats'),
      connections: () => this.#ask('connections'),
      disconnectAll: (reason) => this.#ask('disconnectAll', reason),
      closeManager: () => this.#ask('closeManager'),
    }
  }

  stop(): Promise<void> {
    return endProcess(this.#process, 'SIGTERM')
  }

  async #ask<T>(action: Action, argument: unknown = null): Promise<T> {
    const response = await fetch(new URL(action, this.#url), { method: 'POST', body: JSON.stringify(argument) })
    if (!response.ok) throw new Error(`${action}: ${response.status} ${await response.text()}`)
    return response.json()
  }
}
