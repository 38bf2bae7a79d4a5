import { completionEvents } from '@rivulet/ai/events'
import { defineEvents, mergeContracts } from '@rivulet/core'
import { z } from 'zod'

const chatEvents = defineEvents({ asked: z.object({ answer: z.string(), prompt: z.string() }) })

export const events = mergeContracts(chatEvents, completionEvents)
