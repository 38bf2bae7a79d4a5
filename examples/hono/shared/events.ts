import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** The first event of an import. */
const started = z.object({
  name: z.string(),
  rows: z.number().int().min(1),
})

/** One finished row. */
const row = z.object({
  /** Line in the file; the header is line 1. */
  line: z.number().int().min(2),
  email: z.string(),
  /** Reason for its rejection; missing if the row was accepted. */
  rejected: z.string().optional(),
})

/** The last event of an import. */
const finished = z.object({
  outcome: z.enum(['completed', 'cancelled', 'failed']),
  durationMs: z.number().min(0),
  /** Reason for its failure. */
  error: z.string().optional(),
})

/** The contract: it validates on the server, and types and validates on the page. */
export const events = defineEvents({ started, row, finished })

export type ImportEvent = EventOf<typeof events>
export type RowEvent = EventOf<typeof events, 'row'>
export type FinishedEvent = EventOf<typeof events, 'finished'>

/** Maximum size of a file. The whole history of an import is kept, so that a later page sees all of it. */
export const maxRows = 2_000
export const maxBytes = 1_000_000

/** Route that starts an import with its file, and follows it without one. */
export const streamPath = (id: string): string => `/api/imports/${id}/stream`
export const importPath = (id: string): string => `/api/imports/${id}`
