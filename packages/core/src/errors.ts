/** Marks every Rivulet error, also one made by another copy of this package. */
const brand: unique symbol = Symbol.for('rivulet.error') as never

/** The folder of the pages that explain the codes. */
const pages = 'https://git.example/rivulet/blob/main/docs/errors'

/**
 * The base of every error that Rivulet throws or reports.
 *
 * `code` is stable and unique to one class, so `error.code === 'RIVULET_…'` and `error instanceof TheClass` are the
 * same test; both hold across two installed copies of a package.
 */
export class RivuletError extends Error {
  // A getter: the CommonJS build assigns static fields, and a class does not let its `name` be assigned.
  /** Every class states its name: bundlers rename classes, and `error.name` is what logs are searched for. */
  static override get name(): string {
    return 'RivuletError'
  }

  /** The code that all instances of this class carry; the base has none of its own. */
  static readonly code: string | undefined = undefined

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Object.prototype.isPrototypeOf.call(this.prototype, value as object)) return true
    if (typeof value !== 'object' || value === null || !(brand in value)) return false
    if (this === RivuletError) return true
    return Object.hasOwn(this, 'code') && 'code' in value && this.code === value.code
  }

  /** Stable identifier of the kind of error, `RIVULET_…`. */
  readonly code: string

  /**
   * The message ends with the address of the code's page, for codes that begin with `RIVULET_`: these are Rivulet's own.
   * For an error class of your own, derive from an existing one, or give it another code.
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code.startsWith('RIVULET_') ? `${message} See ${pages}/${code}.md` : message, options)
    this.name = new.target.name
    this.code = code
  }
}
Object.defineProperty(RivuletError.prototype, brand, { value: true })

/** A payload schema or payload uses a key that the event itself needs. */
export class ReservedKeyError extends RivuletError {
  static override get name(): string {
    return 'ReservedKeyError'
  }
  static override readonly code = 'RIVULET_RESERVED_KEY'

  constructor(
    /** The event's name. */
    readonly type: string,
    /** The key in question. */
    readonly key: string,
  ) {
    super(
      ReservedKeyError.code,
      `The payload of event "${type}" has the key "${key}", which every event carries itself (id, type, timestamp, source). ` +
        `Rename it, or nest it under a key of your own, for example { data: { ${key}: … } }.`,
    )
  }
}

/** An event's name cannot be used: it is empty, holds a line break or NUL, or belongs to the protocol. */
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
    super(EventNameError.code, `The event name ${JSON.stringify(type)} cannot be used: ${reason}`)
  }
}

/** The contract has no event of this name. */
export class UnknownEventError extends RivuletError {
  static override get name(): string {
    return 'UnknownEventError'
  }
  static override readonly code = 'RIVULET_UNKNOWN_EVENT'

  constructor(
    /** The name that was asked for. */
    readonly type: string,
    /** The names that the contract has. */
    readonly known: readonly string[],
  ) {
    super(
      UnknownEventError.code,
      `The contract has no event "${type}". It has: ${known.join(', ') || '(none)'}. Add it to defineEvents({ … }), or correct the name.`,
    )
  }
}

/** One thing that is wrong with a payload. */
export interface EventIssue {
  /** What is wrong, in the schema library's words. */
  readonly message: string
  /** Where in the payload, outermost key first; empty for the payload itself. */
  readonly path: readonly PropertyKey[]
}

/** A payload does not fit its event's schema. Nothing was stored, sent or handed to a handler. */
export class EventValidationError extends RivuletError {
  static override get name(): string {
    return 'EventValidationError'
  }
  static override readonly code = 'RIVULET_EVENT_INVALID'

  constructor(
    /** The event's name. */
    readonly type: string,
    /** Every issue that the schema found, at least one. */
    readonly issues: readonly EventIssue[],
    options?: ErrorOptions,
  ) {
    const list = issues
      .map(({ path, message }) => `  ${path.map(String).join('.') || '(payload)'}: ${message}`)
      .join('\n')
    super(
      EventValidationError.code,
      `The payload of event "${type}" does not fit its schema:\n${list}\nCorrect the payload, or the schema in defineEvents({ … }).`,
      options,
    )
  }
}

/** A field of an SSE message holds what the wire cannot carry. */
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
    super(InvalidFieldError.code, `The field "${field}" cannot be ${JSON.stringify(value)}: ${fix}`)
  }
}

/** One event of a stream is larger than the decoder may buffer. */
export class EventTooLargeError extends RivuletError {
  static override get name(): string {
    return 'EventTooLargeError'
  }
  static override readonly code = 'RIVULET_EVENT_TOO_LARGE'

  constructor(
    /** The bound in bytes, `maxEventBytes`. */
    readonly maxEventBytes: number,
    /** The event's own ID, where it is known: resuming from it leaves this event out. */
    readonly lastEventId?: string,
  ) {
    super(
      EventTooLargeError.code,
      `An event of the stream is larger than ${maxEventBytes} bytes. Send smaller events, or raise maxEventBytes.`,
    )
  }
}

/** A function that the application gave did not answer in time. */
export class CallbackTimeoutError extends RivuletError {
  static override get name(): string {
    return 'CallbackTimeoutError'
  }
  static override readonly code = 'RIVULET_CALLBACK_TIMEOUT'

  constructor(
    /** The option that holds the function. */
    readonly callback: string,
    /** How many milliseconds it had. */
    readonly timeoutMs: number,
  ) {
    super(
      CallbackTimeoutError.code,
      `${callback} did not answer within ${timeoutMs} ms. Pass its signal on to what it waits for, or raise callbackTimeoutMs.`,
    )
  }
}

/** An option has a value that makes no sense. */
export class ConfigurationError extends RivuletError {
  static override get name(): string {
    return 'ConfigurationError'
  }
  static override readonly code = 'RIVULET_CONFIGURATION'

  constructor(
    /** The option, as a path. */
    readonly option: string,
    /** What was given. */
    readonly value: unknown,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(ConfigurationError.code, `The option "${option}" cannot be ${describe(value)}. ${fix}`, options)
  }
}

/** Never throws: the value is one that somebody got wrong. It may be large, or hold what no log should. */
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
