import type { StandardSchemaV1 } from '@standard-schema/spec'
import { development } from './development.js'
import { EventNameError, ReservedKeyError } from './errors.js'

/** The fields that every event carries beside its payload. */
export interface BaseEvent<Type extends string = string> {
  /**
   * The event's position in its stream, usable as `Last-Event-ID`. Events that are not retained (`retain: false`) have no
   * position: `undefined`.
   */
  readonly id: string | undefined
  /** The event's name in the contract. */
  readonly type: Type
  /** The time of publication, in milliseconds since the Unix epoch. */
  readonly timestamp: number
  /** The publisher: the `source` of its `EventManager`. */
  readonly source: string
  /** The channel on which the event was published. Absent if that is `default`, and on the events of runs and snapshots. */
  readonly channel?: string
  /** `true` on an event that was published before the client connected, or while it was away. Absent on live events. */
  readonly replayed?: true
}

/** The keys of {@link BaseEvent}, which no payload may have. */
export type ReservedKey = keyof BaseEvent

const reservedKeys: readonly ReservedKey[] = ['id', 'type', 'timestamp', 'source', 'channel', 'replayed']

/** An event of a contract: its name and its payload's schema. `useServerEvents` and `on` infer their types from it. */
export interface EventDefinition<Type extends string = string, Schema extends StandardSchemaV1 = StandardSchemaV1> {
  readonly type: Type
  readonly schema: Schema
}

/** A contract: one definition per event, under the event's name. */
export type EventContract = { readonly [type: string]: EventDefinition }

/** The contract that `defineEvents` returns for these schemas. */
export type ContractOf<Schemas extends Record<string, StandardSchemaV1>> = {
  readonly [Type in keyof Schemas & string]: EventDefinition<Type, Schemas[Type]>
}

/** The names of a contract's events. */
export type EventType<Contract> = keyof Contract & string

/** The payload that `publish` takes for an event: its schema's input. */
export type PayloadOf<Contract, Type extends EventType<Contract>> =
  Contract[Type] extends EventDefinition<string, infer Schema> ? StandardSchemaV1.InferInput<Schema> : never

/** The event of one definition as a receiver sees it: a flat object with the schema's output. */
export type EventOfDefinition<Definition> =
  Definition extends EventDefinition<infer Type, infer Schema>
    ? BaseEvent<Type> & StandardSchemaV1.InferOutput<Schema>
    : never

/** The events of a contract as a receiver sees them: one named event, or the union of all. */
export type EventOf<Contract, Type extends EventType<Contract> = EventType<Contract>> = {
  [Name in Type]: EventOfDefinition<Contract[Name]>
}[Type]

/** Maps an invalid payload schema to a type that no schema fits. The name of its key gives the reason. */
type PayloadSchema<Schema> =
  Schema extends StandardSchemaV1<infer Input, infer Output>
    ? Input extends object
      ? Extract<keyof Input | keyof Output, ReservedKey> extends never
        ? Schema
        : {
            readonly 'payload uses a key reserved for the event itself': Extract<
              keyof Input | keyof Output,
              ReservedKey
            >
          }
      : { readonly 'payload must be an object': Input }
    : Schema

/**
 * Defines a contract of events: one Standard Schema (zod, valibot, arktype, …) per event name, for the payload's object.
 *
 * @example
 * const events = defineEvents({
 *   log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
 * })
 *
 * @throws {ReservedKeyError} when a schema declares `id`, `type`, `timestamp`, `source`, `channel` or `replayed`. Some schemas hide their
 *   keys, so publishing also checks each payload.
 * @throws {EventNameError} when a name is empty, contains CR, LF or NUL, is `heartbeat`, or begins with `rivulet:`.
 */
export function defineEvents<const Schemas extends Record<string, StandardSchemaV1>>(
  schemas: Schemas & { [Type in keyof Schemas]: PayloadSchema<Schemas[Type]> },
): ContractOf<Schemas> {
  const contract: Record<string, EventDefinition> = Object.create(null)
  for (const [type, schema] of Object.entries<StandardSchemaV1>(schemas)) {
    checkEventName(type)
    for (const key of declaredKeys(schema)) checkPayloadKey(type, key)
    contract[type] = Object.freeze({ type, schema })
  }
  return Object.freeze(contract) as ContractOf<Schemas>
}

/**
 * Refuses a payload with a reserved key. In the flat event, the key would be lost or would forge a field of the event.
 *
 * @throws {ReservedKeyError}
 */
export function checkPayloadKeys(type: string, payload: object): void {
  for (const key of reservedKeys) if (Object.hasOwn(payload, key)) throw new ReservedKeyError(type, key)
}

function checkPayloadKey(type: string, key: string): void {
  if ((reservedKeys as readonly string[]).includes(key)) throw new ReservedKeyError(type, key)
}

function checkEventName(type: string): void {
  if (type === '') throw new EventNameError(type, development ? 'it is empty. Give the event a name.' : '')
  if (/[\r\n\0]/.test(type))
    throw new EventNameError(type, development ? 'it contains a line break or NUL. Remove these characters.' : '')
  if (type === 'heartbeat' || type.startsWith('rivulet:')) {
    throw new EventNameError(type, development ? 'it is reserved for the protocol. Choose another name.' : '')
  }
}

/**
 * Returns the keys that a schema declares, as far as they are known. Standard Schema does not expose them, but zod (`shape`),
 * valibot (`entries`) and arktype (`props`) do.
 */
function declaredKeys(schema: StandardSchemaV1): string[] {
  const { shape, entries, props } = schema as { shape?: unknown; entries?: unknown; props?: unknown }
  if (Array.isArray(props)) return props.map((prop: { key?: unknown }) => String(prop?.key))
  const declared = shape ?? entries
  return typeof declared === 'object' && declared !== null ? Object.keys(declared) : []
}
