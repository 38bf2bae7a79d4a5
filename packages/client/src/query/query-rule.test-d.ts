import { defineEvents } from '@rivulet/core'
import { QueryClient } from '@tanstack/query-core'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import type { EventStreamService } from '../index.js'
import { queryRule, syncQueries } from './index.js'

const events = defineEvents({
  moved: z.object({ card: z.string(), column: z.string() }),
  renamed: z.object({ card: z.string(), title: z.string() }),
})

interface Board {
  cursor: string
  cards: readonly { id: string; title: string }[]
}

declare const stream: EventStreamService<typeof events>

const rule = queryRule({
  queryKey: ['board'],
  events: [events.moved, events.renamed],
  concerns: (event, [, board]) => {
    expectTypeOf(event.type).toEqualTypeOf<'moved' | 'renamed'>()
    expectTypeOf(board).toEqualTypeOf<unknown>()
    return true
  },
  channels: ([, board]) => `board:${board}`,
  patch: (board: Board, event) => {
    expectTypeOf(event.type).toEqualTypeOf<'moved' | 'renamed'>()
    if (event.type === 'moved') expectTypeOf(event.column).toEqualTypeOf<string>()
    return { ...board, cards: [] }
  },
})
expectTypeOf(syncQueries({ stream, queryClient: new QueryClient(), rules: [rule] })).toEqualTypeOf<() => void>()

queryRule({
  queryKey: ['board'],
  events: [events.moved],
  // @ts-expect-error: without a cursor, nobody knows which events the data includes.
  patch: (board: { cards: string[] }) => board,
})

queryRule({
  queryKey: ['board'],
  events: [events.moved],
  // @ts-expect-error: not the data.
  patch: (board: Board) => board.cards,
})
