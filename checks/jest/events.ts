import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

export const events = defineEvents({ log: z.object({ message: z.string() }) })
