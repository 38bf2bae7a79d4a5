import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

export const events = defineEvents({
  /** A page that has lines 41 and 43 but not 42 has missed one. `source` is the node that published the line. */
  line: z.object({ n: z.number().int().min(1), text: z.string() }),
  /** Number of open pages by node name. */
  pages: z.object({ nodes: z.record(z.string(), z.number().int()) }),
})

export type Line = EventOf<typeof events, 'line'>

export const streamPath = '/api/events/stream'

/** Response header with the node's name. */
export const nodeHeader = 'x-node'
