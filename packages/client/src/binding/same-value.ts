/**
 * Whether two options say the same. Functions always do, as the latest one is called whichever it is; URLs, headers,
 * arrays and plain objects are compared by content, instances of other classes by identity.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || (typeof a === 'function' && typeof b === 'function')) return true
  if (!isObject(a) || !isObject(b)) return false
  const prototype = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b)) return false
  if (a instanceof URL) return a.href === String(b)
  if (isIterable(a) && isIterable(b)) return sameEntries({ ...[...a] }, { ...[...b] })
  return (prototype === Object.prototype || prototype === null) && sameEntries(a, b)
}

function sameEntries(a: Entries, b: Entries): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => sameValue(a[key], b[key]))
}

type Entries = { readonly [key: string]: unknown }

function isObject(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}
