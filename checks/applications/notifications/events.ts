import { defineEvents, type EventOf } from '@rivulet/core'
import { z } from 'zod'

export const events = defineEvents({
  notification: z.object({ text: z.string() }),
  /** The user has read everything up to the notification with this id, on any device. */
  read: z.object({ upTo: z.string() }),
})

export type Notification = EventOf<typeof events, 'notification'>
