import { EventStreamService } from '@rivulet/client'
import { events } from './events.js'

export const stream = new EventStreamService({ url: '/api/events', events, channels: [] })
