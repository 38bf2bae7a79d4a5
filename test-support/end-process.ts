import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Sends the signal to a process that still runs, and resolves when it is gone. */
export async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
