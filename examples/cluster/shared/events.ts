import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** A numbered line: whoever has 41 and 43 but not 42 has missed one. Its `source` is the node that published it. */
export const events = defineEvents({ line: z.object({ n: z.number().int().min(1), text: z.string() }) })

export type Line = EventOf<typeof events, 'line'>

export const streamPath = '/api/events/stream'

/** The header by which a node says who it is. */
export const nodeHeader = 'x-node'
