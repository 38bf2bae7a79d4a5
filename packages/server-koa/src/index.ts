export { eventStream } from './event-stream.js'
