import { buildPackages } from '../build.js'
import { printTable } from '../report/table.js'
import { scenarios, type Verdict } from './scenarios.js'
import { subjects } from './subjects.js'

/** What clients make of a server that misbehaves: the rows of the docs' comparison. Some 45 s, however quick. */
export async function runBehaviour(): Promise<void> {
  buildPackages('core', 'client')
  // Some let what a handler throws, or what fails in the background, go up to the process.
  const ignore = () => {}
  process.on('uncaughtException', ignore).on('unhandledRejection', ignore)
  const columns: Verdict[][] = []
  for (const { load } of subjects) {
    const start = await load()
    columns.push(await Promise.all(scenarios.map(({ run }) => run(start))))
  }
  process.off('uncaughtException', ignore).off('unhandledRejection', ignore)
  printTable(
    'What clients make of a server that misbehaves',
    ['', ...subjects.map(({ name }) => name)],
    scenarios.map(({ name }, row) => [
      name,
      ...columns.map((verdicts) => `${verdicts[row]!.good ? 'yes' : 'no'} (${verdicts[row]!.seen})`),
    ]),
  )
}
