import { development } from './development.js'

/** Marks every Rivulet error, including those of other copies of this package. */
const brand: unique symbol = Symbol.for('rivulet.error') as never

/** The address of the pages that explain the codes. */
const pages = 'https://git.example/rivulet/blob/main/docs/errors'

/**
 * The base of every error that Rivulet throws or reports.
 *
 * `code` is stable and unique to one class, so `error.code === 'RIVULET_…'` and `error instanceof TheClass` are the same
 * test. Both work across two installed copies of a package.
 */
export class RivuletError extends Error {
  // A getter, because the CommonJS build assigns static fields, and the `name` of a class is read-only.
  /** Set explicitly in every class: bundlers rename classes, but people search logs for `error.name`. */
  static override get name(): string {
    return 'RivuletError'
  }

  /** The code of all instances of this class. The base class has none. */
  static readonly code: string | undefined = undefined

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (super[Symbol.hasInstance](value)) return true
    const object: { code?: unknown } = Object(value)
    return brand in object && (this === RivuletError || (Object.hasOwn(this, 'code') && this.code === object.code))
  }

  /** Stable identifier of the error's class, `RIVULET_…`. */
  readonly code: string

  /**
   * Creates an error. If the code begins with `RIVULET_`, the message ends with the address of the code's page. That prefix is
   * reserved for Rivulet: your own error classes derive from an existing class or use another code. Without a message, the code
   * stands for it.
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    const text = message || `[${code}]`
    super(code.startsWith('RIVULET_') ? `${text} See ${pages}/${code}.md` : text, options)
    this.name = new.target.name
    this.code = code
  }
}
Object.defineProperty(RivuletError.prototype, brand, { value: true })

/** A payload or its schema uses a key that belongs to the event itself. */
export class ReservedKeyError extends RivuletError {
  static override get name(): string {
    return 'ReservedKeyError'
  }
  static override readonly code = 'RIVULET_RESERVED_KEY'

  constructor(
    /** The event's name. */
    readonly type: string,
    /** The reserved key. */
    readonly key: string,
  ) {
    super(
      ReservedKeyError.code,
      development
        ? `The payload of event "${type}" uses the key "${key}", which is reserved for the event itself (id, type, timestamp, source, channel, replayed). ` +
            `Rename it, or nest it: { data: { ${key}: … } }.`
        : '',
    )
  }
}

/** An event's name is empty, contains a line break or NUL, or belongs to the protocol. */
export class EventNameError extends RivuletError {
  static override get name(): string {
    return 'EventNameError'
  }
  static override readonly code = 'RIVULET_EVENT_NAME'

  constructor(
    /** The refused name. */
    readonly type: string,
    reason: string,
  ) {
    super(EventNameError.code, development ? `The event name ${JSON.stringify(type)} cannot be used: ${reason}` : '')
  }
}

/** The contract has no event of this name. */
export class UnknownEventError extends RivuletError {
  static override get name(): string {
    return 'UnknownEventError'
  }
  static override readonly code = 'RIVULET_UNKNOWN_EVENT'

  constructor(
    /** The unknown name. */
    readonly type: string,
    /** The names in the contract. */
    readonly known: readonly string[],
  ) {
    super(
      UnknownEventError.code,
      development
        ? `The contract has no event "${type}". It has: ${known.join(', ') || '(none)'}. Add it to defineEvents({ … }), or correct the name.`
        : '',
    )
  }
}

/** One problem with a payload. */
export interface EventIssue {
  /** The schema library's message. */
  readonly message: string
  /** The path to the problem in the payload, outermost key first; empty for the payload itself. */
  readonly path: readonly PropertyKey[]
}

/** A payload does not fit its event's schema. It was not stored, sent or passed to a handler. */
export class EventValidationError extends RivuletError {
  static override get name(): string {
    return 'EventValidationError'
  }
  static override readonly code = 'RIVULET_EVENT_INVALID'

  constructor(
    /** The event's name. */
    readonly type: string,
    /** All issues that the schema found, at least one. */
    readonly issues: readonly EventIssue[],
    options?: ErrorOptions,
  ) {
    super(
      EventValidationError.code,
      development
        ? `The payload of event "${type}" does not fit its schema:\n${listOf(issues)}\nCorrect the payload, or the schema in defineEvents({ … }).`
        : '',
      options,
    )
  }
}

function listOf(issues: readonly EventIssue[]): string {
  return issues.map(({ path, message }) => `  ${path.map(String).join('.') || '(payload)'}: ${message}`).join('\n')
}

/** A field of an SSE message has a value that the wire format cannot carry. */
export class InvalidFieldError extends RivuletError {
  static override get name(): string {
    return 'InvalidFieldError'
  }
  static override readonly code = 'RIVULET_INVALID_FIELD'

  constructor(
    /** The field: `event`, `id` or `retry`. */
    readonly field: string,
    /** The refused value. */
    readonly value: unknown,
    fix: string,
  ) {
    super(InvalidFieldError.code, development ? `The field "${field}" cannot be ${JSON.stringify(value)}: ${fix}` : '')
  }
}

/** An event of a stream is larger than the decoder may buffer. */
export class EventTooLargeError extends RivuletError {
  static override get name(): string {
    return 'EventTooLargeError'
  }
  static override readonly code = 'RIVULET_EVENT_TOO_LARGE'

  constructor(
    /** The limit, in bytes. */
    readonly maxEventBytes: number,
    /** The event's own ID, if known. Resuming from it skips the event. */
    readonly lastEventId?: string,
  ) {
    super(
      EventTooLargeError.code,
      development
        ? `An event of the stream is larger than ${maxEventBytes} bytes. Send smaller events, or raise maxEventBytes.`
        : '',
    )
  }
}

/** A callback of the application did not answer in time. */
export class CallbackTimeoutError extends RivuletError {
  static override get name(): string {
    return 'CallbackTimeoutError'
  }
  static override readonly code = 'RIVULET_CALLBACK_TIMEOUT'

  constructor(
    /** The name of the option that contains the callback. */
    readonly callback: string,
    /** The time limit, in milliseconds. */
    readonly timeoutMs: number,
  ) {
    super(
      CallbackTimeoutError.code,
      development
        ? `${callback} did not answer within ${timeoutMs} ms. Pass its signal to every call it awaits, or raise callbackTimeoutMs.`
        : '',
    )
  }
}

/** An option has an invalid value. */
export class ConfigurationError extends RivuletError {
  static override get name(): string {
    return 'ConfigurationError'
  }
  static override readonly code = 'RIVULET_CONFIGURATION'

  constructor(
    /** The path of the option. */
    readonly option: string,
    /** The invalid value. */
    readonly value: unknown,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(
      ConfigurationError.code,
      development ? `The option "${option}" cannot be ${describe(value)}. ${fix}` : '',
      options,
    )
  }
}

/** Describes an invalid value. It never throws, and it shortens large values. */
function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (typeof value !== 'object' || value === null) return shorten(String(value))
  try {
    return shorten(JSON.stringify(value) ?? 'this object')
  } catch {
    return 'this object'
  }
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
