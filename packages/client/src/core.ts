export {
  type CreateEventStreamOptions,
  createEventStream,
  type EventStream,
  type SentEvent,
} from './create-event-stream.js'
