import { relayCompletion } from '@rivulet/ai/openai'
import { RunNotFoundError, RunTakenError } from '@rivulet/ai/tanstack-ai'
import { PostgresSetupError, PostgresUnavailableError } from '@rivulet/backplane-postgres'
import { BackplaneUnavailableError, RedisSetupError } from '@rivulet/backplane-redis'
import { SqliteStoreError } from '@rivulet/backplane-sqlite'
import {
  ConnectionError,
  ConnectTimeoutError,
  ContentTypeError,
  EventStreamService,
  HeartbeatTimeoutError,
  HttpStatusError,
  IteratorOverflowError,
  RequestNotRepeatedError,
  StreamClosedByServerError,
} from '@rivulet/client'
import {
  CallbackTimeoutError,
  type Clock,
  defineEvents,
  type EventContract,
  EventTooLargeError,
  encodeControlEvent,
  encodeMessage,
  mergeContracts,
  systemClock,
  UnknownEventError,
} from '@rivulet/core'
import { useServerEvents } from '@rivulet/react'
import {
  BackplaneTimeoutError,
  EventManager,
  InvalidChangeError,
  ManagerClosedError,
  RunEndedError,
  RunFailure,
  RunLostError,
  RunTimeoutError,
  TooManyRunsError,
  TransactionUnsupportedError,
} from '@rivulet/server'
import { IpcAddressError, IpcProtocolError, IpcUnavailableError } from '@rivulet/server/ipc'
import { useServerEvents as useServerEventsInVue } from '@rivulet/vue'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { createSSRApp } from 'vue'
import { z } from 'zod'

const url = 'https://example.com/events'
const events = defineEvents({ log: z.object({ message: z.string() }) })
const anything = defineEvents({ log: z.looseObject({}) })
const manager = new EventManager({ events })
const loose = new EventManager({ events: anything })

/** Errors of each code. Its page quotes their messages. */
export async function errorsByCode(): Promise<Readonly<Record<string, readonly Error[]>>> {
  return {
    RIVULET_BACKPLANE_TIMEOUT: [new BackplaneTimeoutError(10_000)],
    RIVULET_BACKPLANE_UNAVAILABLE: [
      new BackplaneUnavailableError('publish', 'connect ECONNREFUSED 127.0.0.1:6379.'),
      new BackplaneUnavailableError('subscribe', 'The subscription was not confirmed within 5000 ms.'),
    ],
    RIVULET_CALLBACK_TIMEOUT: [new CallbackTimeoutError('authorize', 10_000)],
    RIVULET_CHANNELS_REFUSED: [
      await refusedChange(),
      await refusedChange('control', () => new Response(null, { status: 403 })),
    ],
    RIVULET_CLOSED_BY_SERVER: [
      new StreamClosedByServerError(),
      new StreamClosedByServerError('shutdown'),
      new StreamClosedByServerError('logged out', false),
    ],
    RIVULET_COMPLETION: [
      await completionError(() => new Response('', { status: 401 })),
      await completionError(() => new Response('', { status: 503 })),
      await completionError(() => new Response('', { headers: { 'content-type': 'text/event-stream' } })),
      await completionError(() => new Promise(() => {}), {
        stallMs: 240_000,
        clock: { ...systemClock, setTimeout: (callback) => void queueMicrotask(callback) },
      }),
    ],
    RIVULET_CONFIGURATION: [
      await thrownBy(() => new EventManager({ events, limits: { maxConnections: Number.NaN } })),
      await thrownBy(() => new EventStreamService({ url, events, retry: { maxMs: Number.NaN } })),
      await thrownBy(() => new EventStreamService({ url, events, shared: true })),
      await thrownBy(() => mergeContracts(...([events, anything] as EventContract[]))),
    ],
    RIVULET_CONNECTION: [new ConnectionError(url, { cause: new TypeError('Failed to fetch') })],
    RIVULET_CONNECT_TIMEOUT: [new ConnectTimeoutError(url, 30_000)],
    RIVULET_CONTENT_TYPE: [new ContentTypeError(200, 'text/html', url)],
    RIVULET_EVENT_INVALID: [await thrownBy(() => manager.publish('log', {} as never))],
    RIVULET_EVENT_NAME: [
      await thrownBy(() => defineEvents({ heartbeat: z.object({}) })),
      await thrownBy(() => defineEvents({ '': z.object({}) })),
      await thrownBy(() => defineEvents({ 'two\nlines': z.object({}) })),
    ],
    RIVULET_EVENT_NOT_SERIALIZABLE: [
      await thrownBy(() => loose.publish('log', { size: 1n })),
      await thrownBy(() => loose.publish('log', { toJSON: () => [1, 2] })),
    ],
    RIVULET_EVENT_TOO_LARGE: [new EventTooLargeError(1_048_576)],
    RIVULET_HEARTBEAT_TIMEOUT: [new HeartbeatTimeoutError(35_000)],
    RIVULET_HTTP_STATUS: [
      new HttpStatusError(403, 'Forbidden', url, '', undefined),
      new HttpStatusError(503, 'Service Unavailable', url, '', undefined),
    ],
    RIVULET_INVALID_CHANGE: [
      new InvalidChangeError('body', 'Send a JSON object.'),
      new InvalidChangeError('channels', 'Send an array of at most 1000 names, each of 1 to 256 characters.'),
    ],
    RIVULET_INVALID_FIELD: [
      await thrownBy(() => encodeMessage({ id: '1\ndata: forged' })),
      await thrownBy(() => encodeMessage({ retry: 1.5 })),
    ],
    RIVULET_IPC_ADDRESS: [
      new IpcAddressError(
        '/run/app/events.sock',
        'another process serves there. Serve in one process only, and connect the others with connectBackplane.',
      ),
    ],
    RIVULET_IPC_PROTOCOL: [new IpcProtocolError('HTTP/1.1 400 Bad Request', 'rivulet-ipc 1')],
    RIVULET_IPC_UNAVAILABLE: [new IpcUnavailableError('publish', 'the connection broke before it answered.')],
    RIVULET_ITERATOR_OVERFLOW: [new IteratorOverflowError(1_000)],
    RIVULET_MANAGER_CLOSED: [new ManagerClosedError()],
    RIVULET_MISSING_STREAM: [await thrownBy(() => renderToString(createElement(Log))), await thrownBy(setUpInVue)],
    RIVULET_POSTGRES_SETUP: [
      new PostgresSetupError(
        'schema',
        'schema "rivulet" does not exist.',
        'Run the migrations: await migrate(client), or the files in @rivulet/backplane-postgres/migrations.',
      ),
      new PostgresSetupError(
        'rights',
        'permission denied for schema rivulet.',
        'Grant the role its two rights, as the owner of the schema: GRANT USAGE ON SCHEMA rivulet TO <role>; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rivulet TO <role>;',
      ),
    ],
    RIVULET_POSTGRES_UNAVAILABLE: [
      new PostgresUnavailableError('publish', 'connect ECONNREFUSED 127.0.0.1:5432.'),
      new PostgresUnavailableError('read', 'No answer within 5000 ms.'),
    ],
    RIVULET_REDIS_SETUP: [
      new RedisSetupError(
        'eviction',
        'with maxmemory-policy "allkeys-lru" it evicts events, idempotency keys and presence.',
        'Run CONFIG SET maxmemory-policy noeviction, and set it in the configuration file of Redis.',
      ),
    ],
    RIVULET_REQUEST_NOT_REPEATED: [new RequestNotRepeatedError()],
    RIVULET_RESERVED_KEY: [await thrownBy(() => defineEvents({ changed: z.object({ id: z.string() }) as never }))],
    RIVULET_RUN_ENDED: [new RunEndedError('answer:42', 'stopped', 'user')],
    RIVULET_RUN_FAILED: [new RunFailure('model unavailable')],
    RIVULET_RUN_LOST: [new RunLostError('answer:42', 15_000)],
    RIVULET_RUN_NOT_FOUND: [new RunNotFoundError('answer:42')],
    RIVULET_RUN_TAKEN: [new RunTakenError('answer:42')],
    RIVULET_RUN_TIMEOUT: [new RunTimeoutError('answer:42', 600_000)],
    RIVULET_SQLITE_STORE: [
      new SqliteStoreError(
        'in-use',
        'open',
        'process 4711 on web-1 has written to this file since 2026-01-31T12:00:00.000Z.',
      ),
      ...(['locked', 'full', 'damaged', 'unwritable', 'moved', 'closed'] as const).map(
        (problem) => new SqliteStoreError(problem, 'write'),
      ),
    ],
    RIVULET_TOO_MANY_RUNS: [new TooManyRunsError('ada', 5)],
    RIVULET_TRANSACTION_UNSUPPORTED: [new TransactionUnsupportedError()],
    RIVULET_UNKNOWN_EVENT: [new UnknownEventError('lag', ['log', 'progress'])],
  }
}

/** The error behind the failure of a completion that gets this response. */
async function completionError(
  respond: () => Response | Promise<Response>,
  timing: { stallMs?: number; clock?: Clock } = {},
): Promise<Error> {
  const options = { body: { model: 'small', messages: [] }, fetch: async () => respond(), ...timing }
  const outputs = relayCompletion({ ...options, signal: new AbortController().signal })
  const failure = await thrownBy(() => outputs[Symbol.asyncIterator]().next())
  return failure.cause as Error
}

/** The error of a change of channels that gets this answer. */
async function refusedChange(control?: string, answer?: () => Response): Promise<Error> {
  const open = encodeControlEvent({
    type: 'rivulet:open',
    connectionId: '1',
    heartbeatMs: 0,
    recovered: null,
    replayed: 0,
    control,
  })
  const headers = { 'content-type': 'text/event-stream' }
  const body = () => new ReadableStream({ start: (end) => end.enqueue(new TextEncoder().encode(open)) })
  const stream = new EventStreamService({
    url,
    fetch: async (_, init) => (init?.method === 'POST' ? answer!() : new Response(body(), { headers })),
  })
  stream.onError(() => {})
  stream.connect()
  const error = await thrownBy(() => stream.setChannels(['job:1']))
  stream.close()
  return error
}

async function thrownBy(action: () => unknown): Promise<Error> {
  try {
    await action()
  } catch (error) {
    return error as Error
  }
  throw new Error('Nothing was thrown.')
}

function Log(): null {
  useServerEvents(events.log)
  return null
}

function setUpInVue(): unknown {
  return createSSRApp({}).runWithContext(() => useServerEventsInVue(events.log))
}
