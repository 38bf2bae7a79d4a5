import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

export const events = defineEvents({
  quote: z.object({ row: z.number(), price: z.number(), change: z.number(), volume: z.number() }),
})
