import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

export const events = defineEvents({
  /** Whoever has line 41 and 43 but not 42 has missed one. Its `source` is the node that published it. */
  line: z.object({ n: z.number().int().min(1), text: z.string() }),
  /** How many pages are open, by the name of their node. */
  pages: z.object({ nodes: z.record(z.string(), z.number().int()) }),
})

export type Line = EventOf<typeof events, 'line'>

export const streamPath = '/api/events/stream'

/** The header by which a node says who it is. */
export const nodeHeader = 'x-node'
