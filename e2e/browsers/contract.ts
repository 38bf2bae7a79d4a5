import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

export const events = defineEvents({ tick: z.object({ n: z.number() }) })
