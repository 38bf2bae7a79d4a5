// Measures one decoder on one workload: `node decode-process.js <subject> <workload> <milliseconds>`. Prints JSON.
import { median } from '../report/statistics.js'
import { hashEvents } from './hash.js'
import { type OnEvent, subjects } from './subjects.js'
import { createWorkload, type WorkloadName } from './workloads.js'

export interface DecodeMeasurement {
  readonly megabytesPerSecond: number
  readonly passes: number
  /** `true` if the output equals the input. */
  readonly correct: boolean
  readonly events: number
  readonly expectedEvents: number
}

const [name = '', workloadName = '', budgetMs = '500'] = process.argv.slice(2)
const decode = await subjects.find((subject) => subject.name === name)!.load()
const workload = createWorkload(workloadName as WorkloadName)

const decoded: { event: string; data: string }[] = []
await decode(workload.chunks, (event, data) => decoded.push({ event: event || 'message', data }))
const correct = decoded.length === workload.events && hashEvents(decoded) === workload.hash
const events = decoded.length
decoded.length = 0

let count = 0
let sum = 0
const onEvent: OnEvent = (_event, data) => {
  count++
  sum = (sum + data.length + data.charCodeAt(data.length >> 1)) | 0
}

await runFor(Number(budgetMs) / 2, 1)
count = sum = 0
const passes = await runFor(Number(budgetMs), 3)
if (count !== passes.length * events) throw new Error(`${name} gave ${count} events in ${passes.length} passes.`)

const measurement: DecodeMeasurement = {
  megabytesPerSecond: workload.bytes / 1e3 / median(passes),
  passes: passes.length,
  correct,
  events,
  expectedEvents: workload.events,
}
console.log(JSON.stringify(measurement))

/** Decodes the workload again and again, and returns the duration of each pass. */
async function runFor(ms: number, atLeast: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  while (times.length < atLeast || performance.now() < end) {
    const begin = performance.now()
    await decode(workload.chunks, onEvent)
    times.push(performance.now() - begin)
  }
  return times
}
