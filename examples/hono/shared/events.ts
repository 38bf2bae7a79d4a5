import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** The first event of an import. */
const started = z.object({
  name: z.string(),
  rows: z.number().int().min(1),
})

/** One row is done. */
const row = z.object({
  /** Its line in the file; the head is line 1. */
  line: z.number().int().min(2),
  email: z.string(),
  /** Why it was not taken. Without a reason it was. */
  rejected: z.string().optional(),
})

/** The last event of an import. */
const finished = z.object({
  outcome: z.enum(['completed', 'cancelled', 'failed']),
  durationMs: z.number().min(0),
  /** What made it fail. */
  error: z.string().optional(),
})

/** The contract: the server publishes by it, the page is typed by it, and both validate with it. */
export const events = defineEvents({ started, row, finished })

export type ImportEvent = EventOf<typeof events>
export type RowEvent = EventOf<typeof events, 'row'>
export type FinishedEvent = EventOf<typeof events, 'finished'>

/** What a file may have at most. An import's whole history is kept, so that a page that comes later sees all of it. */
export const maxRows = 2_000
export const maxBytes = 1_000_000

/** Where an import is started by its file, and followed without one. */
export const streamPath = (id: string): string => `/api/imports/${id}/stream`
export const importPath = (id: string): string => `/api/imports/${id}`
