export { type Clock, maxTimerMs, systemClock } from './clock.js'
export {
  type ChannelsEvent,
  type CloseEvent,
  type ControlEvent,
  type EndEvent,
  type EndState,
  encodeControlEvent,
  type GapEvent,
  type GapReason,
  isControlEvent,
  type LiveEvent,
  type OpenEvent,
  parseControlEvent,
} from './control-events.js'
export { createDecoder, type Decoder, type DecoderOptions, type SseMessage } from './decode.js'
export { type DecodeStreamOptions, decodeStream, EventDecoderStream, type EventStreamSource } from './decode-stream.js'
export {
  type BaseEvent,
  type ContractOf,
  checkPayloadKeys,
  defineEvents,
  type EventContract,
  type EventDefinition,
  type EventOf,
  type EventOfDefinition,
  type EventType,
  type PayloadOf,
  type ReservedKey,
} from './define-events.js'
export { encodeMessage, type MessageFields } from './encode.js'
export {
  CallbackTimeoutError,
  ConfigurationError,
  type EventIssue,
  EventNameError,
  EventTooLargeError,
  EventValidationError,
  InvalidFieldError,
  ReservedKeyError,
  RivuletError,
  UnknownEventError,
} from './errors.js'
export { type MergedContract, mergeContracts } from './merge-contracts.js'
export { comparePositions } from './position.js'
export { type StandardSchemaV1, validatePayload } from './standard-schema.js'
