import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Interface of a child process: functions whose arguments and results can be sent as JSON. */
export type Service = { readonly [method: string]: (argument: never) => unknown }

type Call = { readonly id: number; readonly method: string; readonly argument: unknown }
type Answer = { readonly id: number; readonly result?: unknown; readonly error?: string }

export interface Child<Offered extends Service> {
  call<Method extends keyof Offered & string>(
    method: Method,
    ...argument: Parameters<Offered[Method]>
  ): Promise<Awaited<ReturnType<Offered[Method]>>>
  kill(): void
}

export interface ChildOptions {
  /** Core to which the process is pinned; `undefined` for none. */
  readonly core?: number | undefined
  /** @default This Node.js. */
  readonly program?: string | undefined
  readonly node?: readonly string[]
  readonly args?: readonly string[]
}

/** Starts a program that calls `serve`. */
export function startChild<Offered extends Service>(program: string, options: ChildOptions = {}): Child<Offered> {
  const { core, program: runtime = process.execPath, node = [], args = [] } = options
  const command = [...pinnedTo(core), runtime, ...node, program, ...args]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  let calls = 0
  let ended: Error | undefined
  child.on('message', ({ id, result, error }: Answer) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error !== undefined) call?.reject(new Error(error))
    else call?.resolve(result as never)
  })
  child.on('exit', (code, signal) => {
    ended = new Error(`${program} ${args.join(' ')} ended (${signal ?? code}).`)
    for (const { reject } of waiting.values()) reject(ended)
  })
  return {
    call: (method, ...[argument]) =>
      new Promise((resolve, reject) => {
        if (ended) throw ended
        waiting.set(++calls, { resolve, reject })
        child.send({ id: calls, method, argument } satisfies Call)
      }),
    kill: () => child.kill('SIGKILL'),
  }
}

/** Answers the calls of the parent process. */
export function serve(service: Service): void {
  process.on('message', async ({ id, method, argument }: Call) => {
    try {
      const result = await service[method]?.(argument as never)
      process.send?.({ id, result } satisfies Answer)
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
}

/** Cores that this process may use, if processes can be pinned; otherwise `[]`. */
export function pinnableCores(): number[] {
  if (!existsSync('/usr/bin/taskset')) return []
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

function pinnedTo(core: number | undefined): string[] {
  return core === undefined ? [] : ['/usr/bin/taskset', '-c', String(core)]
}
