export { eventStream } from './event-stream.js'
export { runStop, runStream } from './run-stream.js'
