import type { StandardSchemaV1 } from '@rivulet/core'

/** The schema of a payload that one check decides about, so that this package needs no validation library. */
export function schemaOf<Payload extends object>(
  fits: (payload: Record<string, unknown>) => boolean,
  message: string,
): StandardSchemaV1<Payload, Payload> {
  return {
    '~standard': {
      version: 1,
      vendor: 'rivulet',
      validate: (value) => (isRecord(value) && fits(value) ? { value: value as Payload } : { issues: [{ message }] }),
    },
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
