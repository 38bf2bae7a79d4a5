import { readdirSync, readFileSync } from 'node:fs'
import type { Browser, Tab } from './driver.js'

/** Time that the page computes at first, so that its process stands out. */
const busyMs = 200

/** Finds the process of a tab's page: the child of the browser that computes while the page does. No driver reports it. */
export async function processOf(browser: Browser, tab: Tab): Promise<number> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const before = new Map(descendants(browser.pid).map((pid) => [pid, ticksOf(pid)]))
    await tab.evaluate((ms) => {
      const end = performance.now() + ms
      while (performance.now() < end);
    }, attempt * busyMs)
    const busy = [...before].map(([pid, ticks]) => ({ pid, ticks: ticksOf(pid) - ticks }))
    busy.sort((one, other) => other.ticks - one.ticks)
    const [most, second] = busy
    // A tick is 10 ms. On a busy machine the page may have got less than it asked for.
    if (most!.ticks > 5 && most!.ticks > 2 * second!.ticks) return most!.pid
  }
  throw new Error('Cannot find the process of this page.')
}

/** CPU time of a process's main thread, which runs the page, in nanoseconds. */
export function mainThreadNanos(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0])
}

function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const child = Number(name)
    if (child > 0) parents.set(child, Number(statOf(child)?.[1] ?? 0))
  }
  const found: number[] = []
  const below = (parent: number) => {
    for (const [child, of] of parents) {
      if (of !== parent) continue
      found.push(child)
      below(child)
    }
  }
  below(pid)
  return found
}

function ticksOf(pid: number): number {
  const stat = statOf(pid)
  return stat ? Number(stat[11]) + Number(stat[12]) : 0
}

/** Returns the fields of /proc/<pid>/stat after the name, which may contain spaces; `undefined` for a process that has ended. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
