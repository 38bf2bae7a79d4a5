// Measures one client: `node client-process.js <subject> <milliseconds>`. Prints JSON.
import { median } from '../report/statistics.js'
import { subjects } from './subjects.js'
import { createWorkload, fetchOf } from './workload.js'

export interface ClientMeasurement {
  readonly eventsPerSecond: number
  readonly passes: number
}

const [name = '', budgetMs = '500'] = process.argv.slice(2)
const subject = subjects.find((each) => each.name === name)!
const start = await subject.load()
const workload = createWorkload()
const expectedLength = subject.gives === 'object' ? workload.contentLength : workload.dataLength

await runFor(Number(budgetMs) / 2, 1)
const passes = await runFor(Number(budgetMs), 3)
const measurement: ClientMeasurement = {
  eventsPerSecond: (workload.events / median(passes)) * 1e3,
  passes: passes.length,
}
// Some clients leave a timer behind, which would keep the process alive.
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit())

async function runFor(ms: number, atLeast: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  while (times.length < atLeast || performance.now() < end) times.push(await receiveAll())
  return times
}

/** Runs one client from its start to the last event. Resolves with the elapsed time. */
function receiveAll(): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0
    let length = 0
    const patience = setTimeout(
      () => reject(new Error(`${name}: ${count} of ${workload.events} events arrived.`)),
      20_000,
    )
    const begin = performance.now()
    const end = start(fetchOf(workload.chunks), (text) => {
      count++
      length += text.length
      if (count < workload.events) return
      const time = performance.now() - begin
      clearTimeout(patience)
      // Not inside the handler, which is a different path in some clients.
      setImmediate(() => {
        end()
        if (count === workload.events && length === expectedLength) resolve(time)
        else reject(new Error(`${name}: ${count} events of ${length} characters arrived.`))
      })
    })
  })
}
