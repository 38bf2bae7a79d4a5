import { scenarios, type Verdict } from './scenarios.js'
import { subjects } from './subjects.js'

/** What one client does in each scenario. */
export type Behaviour = readonly Verdict[]

// Prints it as JSON. A process of its own: some clients cannot be stopped.

// Some let what a handler throws, or what fails in the background, go up to the process.
const ignore = () => {}
process.on('uncaughtException', ignore).on('unhandledRejection', ignore)

const start = await subjects.find(({ name }) => name === process.argv[2])!.load()
const verdicts: Behaviour = await Promise.all(scenarios.map(({ run }) => run(start)))
process.stdout.write(JSON.stringify(verdicts), () => process.exit())
