import type { defineEvents, StandardSchemaV1 } from '@rivulet/core'
import { expectTypeOf } from 'vitest'
import { createEventStream } from './core.js'

declare const log: StandardSchemaV1<{ level: 'info' | 'error' }>
declare const dated: StandardSchemaV1<{ at: string }, { at: Date }>
declare const events: ReturnType<typeof defineEvents<{ log: typeof log; dated: typeof dated }>>

const stream = createEventStream<typeof events>({ url: '/events' })

stream.on('log', ({ level, type, id }) => {
  expectTypeOf(level).toEqualTypeOf<'info' | 'error'>()
  expectTypeOf(type).toEqualTypeOf<'log'>()
  expectTypeOf(id).toEqualTypeOf<string | undefined>()
})
// Nothing runs the schema, so nothing transforms.
stream.on('dated', ({ at }) => expectTypeOf(at).toEqualTypeOf<string>())
stream.onAny((event) => {
  if (event.type === 'dated') expectTypeOf(event.at).toEqualTypeOf<string>()
})

// @ts-expect-error: the contract has no such event
stream.on('lgo', () => {})
// @ts-expect-error: the full service has this option
createEventStream<typeof events>({ url: '/events', onUnauthorized: () => {} })
// @ts-expect-error: requests of the core only read
createEventStream<typeof events>({ url: '/events', body: 'x' })
