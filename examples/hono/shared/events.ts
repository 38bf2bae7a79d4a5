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

/** The contract: it validates on the server, and types and validates on the page. The end of an import is that of its run. */
export const events = defineEvents({ started, row })

export type ImportEvent = EventOf<typeof events>
export type RowEvent = EventOf<typeof events, 'row'>

/** Maximum size of a file. */
export const maxRows = 2_000
export const maxMebibytes = 1
export const maxBytes = maxMebibytes * 1024 ** 2

/** GET lists the ids of a user's imports, newest first. */
export const importsPath = '/api/imports'
/** POST starts an import with its file and follows it, GET follows it, DELETE cancels it. */
export const importPath = (id: string): string => `${importsPath}/${encodeURIComponent(id)}`
/** POST removes an import from the list. Its accounts stay. */
export const removePath = (id: string): string => `${importPath(id)}/remove`
