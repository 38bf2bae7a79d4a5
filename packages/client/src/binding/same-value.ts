/**
 * Compares two options by value. Functions are always the same, as the latest one is called anyway. URLs, headers,
 * arrays and plain objects are compared by content, instances of other classes by identity.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || (typeof a === 'function' && typeof b === 'function')) return true
  if (!isObject(a) || !isObject(b)) return false
  const prototype = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b)) return false
  if (a instanceof URL) return a.href === String(b)
  if (isIterable(a) && isIterable(b)) return sameEntries({ ...[...a] }, { ...[...b] })
  return isPlain(a) && sameEntries(a, b)
}

/**
 * Copies an option to compare it later. Everything that `sameValue` compares by content is copied, as it may be changed
 * in place. An object with methods inside it, such as a storage or a clock, is not: its other fields are its own matter.
 */
export function snapshotOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snapshotOf)
  if (!isObject(value)) return value
  if (value instanceof URL) return new URL(value)
  if (typeof URLSearchParams === 'function' && value instanceof URLSearchParams) return new URLSearchParams(value)
  if (typeof Headers === 'function' && value instanceof Headers) return new Headers(value)
  if (!isPlain(value)) return value
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, hasMethods(entry) ? entry : snapshotOf(entry)]),
  )
  return Object.setPrototypeOf(copy, Object.getPrototypeOf(value))
}

function sameEntries(a: Entries, b: Entries): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => sameValue(a[key], b[key]))
}

type Entries = { readonly [key: string]: unknown }

function isObject(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function hasMethods(value: unknown): boolean {
  return isObject(value) && Object.values(value).some((entry) => typeof entry === 'function')
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}
