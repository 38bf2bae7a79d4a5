export { FakeClock } from './fake-clock.js'
export {
  type FakeAnswer,
  type FakeMember,
  type FakeRequest,
  FakeServer,
  type FakeServerOptions,
  type PushOptions,
} from './fake-server.js'
export { FakeStream, type FakeStreamOptions } from './fake-stream.js'
