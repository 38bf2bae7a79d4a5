// The values that an application's functions may give, by mistake or through a library, and the ways of giving them. Used on every
// runtime: imports nothing.

function fail(): never {
  throw new Error('a getter that throws')
}

function throwingProxy(): object {
  const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'isExtensible'] as const
  return new Proxy({}, Object.fromEntries(traps.map((trap) => [trap, fail])))
}

function revokedProxy(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function cyclic(): object {
  const object: Record<string, unknown> = {}
  object.self = object
  return object
}

function withGetter(name: PropertyKey, rest: object = {}): object {
  return Object.defineProperty(rest, name, { enumerable: true, get: fail })
}

/** An object with a `then` of its own. */
function thenable(then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void): object {
  return Object.defineProperty({}, 'then', { value: then })
}

const huge = 'x'.repeat(1_000_000)

/** Makers rather than values, since some values can be used only once. */
const plain: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => 0,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 2 ** 60,
  () => 1n,
  () => '',
  () => 'default',
  () => 'rivulet:control',
  () => 'line\nbreak\r\n\0',
  () => '\uD800',
  () => huge,
  () => Symbol('foreign'),
  () => () => true,
  () => class Foreign {},
  () => ({}),
  () => Object.create(null),
  () => [],
  () => new Array(3),
  () => new Date(0),
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => new Map([[0, 'default']]),
  () => new Set(['default']),
  () => /foreign/,
  () => new Error('foreign'),
  () =>
    new (class extends Error {
      override get message(): string {
        return fail()
      }
      override get stack(): string {
        return fail()
      }
    })(),
  cyclic,
  throwingProxy,
  () => revokedProxy({}),
  () => revokedProxy([]),
  () => revokedProxy(() => {}),
  () => new Proxy([], { get: fail }),
  () => new Proxy({}, {}),
  () => withGetter('then'),
  () => withGetter(Symbol.toPrimitive),
  () => withGetter('constructor'),
  () => withGetter('message', new Error('foreign')),
  () => ({ toString: fail, toJSON: fail, valueOf: fail }),
  () => ({ toJSON: () => undefined }),
  // Handled here: nobody can look for promises inside every value.
  () => handled(Promise.reject(new Error('nobody awaits this'))),
  () => Promise.resolve(true),
  () => thenable((_, reject) => reject('nobody awaits this')),
]

function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

type Pick = <T>(choices: readonly T[]) => T

export type FunctionName = 'authorize' | 'channels' | 'presence' | 'snapshot' | 'filter'

/** Answers of the right shape, with one part of any kind. */
const shaped: Readonly<Record<FunctionName, (any: () => unknown, pick: Pick) => readonly (() => unknown)[]>> = {
  authorize: (any, pick) => [
    () => true,
    () => ({ context: any() }),
    () => ({ context: any() }),
    () => ({ context: 1, key: any() }),
    () => ({ context: 1, expiresAt: any() }),
    () => ({ status: any() }),
    () => ({ status: any(), context: 1 }),
    () => ({ status: 401, message: any() }),
    () => ({ status: 401, headers: any() }),
    () => ({ status: 401, headers: { [pick(['X-Foreign', 'content-length', 'Transfer-Encoding', ''])]: any() } }),
    () => ({ allowed: any() }),
    ...['context', 'key', 'expiresAt', 'status'].map((name) => () => withGetter(name, { context: 1 })),
    ...['message', 'headers'].map((name) => () => withGetter(name, { status: 401 })),
  ],
  channels: (any) => [() => [any()], () => ['default', any()], () => [any(), 'default', 'default']],
  presence: (any) => [() => ({ name: any() })],
  snapshot: (any) => [
    () => ({ events: any() }),
    () => ({ events: [any()] }),
    () => ({ events: [{ type: any(), payload: any() }] }),
    () => ({ events: [{ type: 'state', payload: any() }] }),
    () => ({ events: [{ type: 'state', payload: { total: any() } }] }),
    () => ({ events: [], cursor: any() }),
    ...['events', 'cursor'].map((name) => () => withGetter(name, { events: [] })),
  ],
  filter: (any) => [any],
}

/** A value of any kind, but more often one that the function might give. Never a promise: that is a manner of giving a value. */
export function foreignValue(name: FunctionName, pick: Pick): unknown {
  const any = () => pick(plain)()
  for (;;) {
    const value = pick([any, pick(shaped[name](any, pick)), pick(shaped[name](any, pick))])()
    if (!allowing(isPromise)(value)) return value
  }
}

/** Makers of all the values that `foreignValue` picks from. */
export function foreignValues(name: FunctionName): (() => unknown)[] {
  const shapes = [...plain.keys()].flatMap((index) => {
    const pick: Pick = (choices) => choices[index % choices.length]!
    return shaped[name](plain[index]!, pick)
  })
  return [...plain, ...shapes].filter((make) => !allowing(isPromise)(make()))
}

/** The ways in which a function gives its value, or fails to. */
export const manners = [
  'returns',
  'returns',
  'resolves',
  'gives a thenable',
  'resolves later',
  'throws',
  'rejects',
  'gives a thenable that rejects',
  'gives a thenable that throws',
  'gives a thenable whose then throws',
  'rejects later',
  'never settles',
  'gives a thenable that never settles',
] as const

export type Manner = (typeof manners)[number]

/** Tells if a patient caller gets the value in the end. */
export function givesValue(manner: Manner): boolean {
  return manners.indexOf(manner) < 5
}

/**
 * Answers with `value` in the given manner.
 * @param later Runs an action some time later.
 */
export function behave(manner: Manner, value: unknown, later: (action: () => void) => void): unknown {
  switch (manner) {
    case 'returns':
      return value
    case 'resolves':
      return settled(value)
    case 'gives a thenable':
      return thenable((resolve) => resolve(value))
    case 'resolves later':
      return new Promise((resolve) => later(() => resolve(value)))
    case 'throws':
      throw value
    case 'rejects':
      return Promise.reject(value)
    case 'gives a thenable that rejects':
      return thenable((_, reject) => reject(value))
    case 'gives a thenable that throws':
      return thenable(() => {
        throw value
      })
    case 'gives a thenable whose then throws':
      return withGetter('then')
    case 'rejects later':
      return new Promise((_, reject) => later(() => reject(value)))
    case 'never settles':
      return new Promise(() => {})
    case 'gives a thenable that never settles':
      return thenable(() => {})
  }
}

async function settled(value: unknown): Promise<unknown> {
  return value
}

/** For each function, tells if an answer is documented and opens a stream. */
export const allows: Readonly<
  Record<'authorize' | 'channels' | 'presence' | 'snapshot', (answer: unknown) => boolean>
> = {
  authorize: allowing((answer) => {
    if (answer === true) return true
    if (typeof answer !== 'object' || answer === null || 'status' in answer) return false
    const { context, key, expiresAt } = answer as Record<string, unknown>
    if (context === undefined || context === null || isPromise(context)) return false
    if (key !== undefined && (typeof key !== 'string' || key === '')) return false
    if (expiresAt === undefined) return true
    if (typeof expiresAt === 'number') return expiresAt > Date.now()
    return expiresAt instanceof Date && expiresAt.getTime() > Date.now()
  }),
  channels: allowing((answer) => {
    if (!Array.isArray(answer) || answer.length === 0) return false
    for (const name of answer) {
      if (typeof name !== 'string' || name === '' || name.startsWith('rivulet:') || /\p{Surrogate}/u.test(name))
        return false
    }
    return true
  }),
  presence: allowing((answer) => answer === undefined || JSON.stringify(answer) !== undefined),
  snapshot: allowing((answer) => {
    const { events, cursor } = answer as Record<string, unknown>
    // As base 36, 'default' is a position long past.
    if (!Array.isArray(events) || !(cursor === undefined || cursor === 'default')) return false
    for (const { type, payload } of events) {
      if (type !== 'state' || !Number.isFinite(payload.total)) return false
    }
    return true
  }),
}

function allowing(test: (answer: unknown) => boolean): (answer: unknown) => boolean {
  return (answer) => {
    try {
      return test(answer)
    } catch {
      return false
    }
  }
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
