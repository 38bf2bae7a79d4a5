import type { EventType, PayloadOf } from '@rivulet/core'
import type { events } from '../shared/events.js'

/** Publishing as the services use it: typed by the contract, never throwing. The app binds it to the event manager. */
export type Emit = <Type extends EventType<typeof events>>(type: Type, payload: PayloadOf<typeof events, Type>) => void
