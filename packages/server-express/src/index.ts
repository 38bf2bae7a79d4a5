export { channelMembers, eventHistory, eventStream, streamControl } from './event-stream.js'
export { runStop, runStream } from './run-stream.js'
