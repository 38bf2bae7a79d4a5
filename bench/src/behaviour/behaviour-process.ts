import { scenarios, type Verdict } from './scenarios.js'
import { subjects } from './subjects.js'

/** Runs one client through every scenario. */
export type Behaviour = readonly Verdict[]

// Prints the outcomes as JSON. It is a separate process, because some clients cannot be stopped.

// Some clients let errors of handlers, or in the background, reach the process.
const ignore = () => {}
process.on('uncaughtException', ignore).on('unhandledRejection', ignore)

const start = await subjects.find(({ name }) => name === process.argv[2])!.load()
const verdicts: Behaviour = await Promise.all(scenarios.map(({ run }) => run(start)))
process.stdout.write(JSON.stringify(verdicts), () => process.exit())
