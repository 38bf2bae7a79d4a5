import { scenarios } from './scenarios.js'
import { subjects } from './subjects.js'

// Prints what one client does in each scenario, as JSON. A process of its own: some clients cannot be stopped.

// Some let what a handler throws, or what fails in the background, go up to the process.
const ignore = () => {}
process.on('uncaughtException', ignore).on('unhandledRejection', ignore)

const start = await subjects.find(({ name }) => name === process.argv[2])!.load()
const verdicts = await Promise.all(scenarios.map(({ run }) => run(start)))
process.stdout.write(JSON.stringify(verdicts), () => process.exit())
