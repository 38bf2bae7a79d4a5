import { defineEvents, type EventOf } from '@rivulet/core'
import { z } from 'zod'

export const columns = ['todo', 'doing', 'done'] as const
export type Column = (typeof columns)[number]

export const cardSchema = z.object({
  id: z.uuid(),
  title: z.string().trim().min(1).max(200),
  column: z.enum(columns),
  /** Cards of a column stand in the order of their ranks. */
  rank: z.number(),
})
export type Card = z.infer<typeof cardSchema>

/** A board as the server reads it, with the id of the last event that it includes. */
export interface Board {
  readonly cursor: string
  readonly id: string
  readonly name: string
  readonly cards: readonly Card[]
}

export const events = defineEvents({
  /** A card is new, or was renamed or moved. */
  card_saved: z.object({ board: z.string(), card: cardSchema }),
  card_deleted: z.object({ board: z.string(), card: z.uuid() }),
})

export const streamPath = '/api/events/stream'

export function channelOf(board: string): string {
  return `board:${board}`
}

/** The board after an event. */
export function applyEvent(board: Board, event: EventOf<typeof events>): Board {
  return event.type === 'card_saved' ? withCard(board, event.card) : withoutCard(board, event.card)
}

export function withCard(board: Board, card: Card): Board {
  return { ...board, cards: [...withoutCard(board, card.id).cards, card] }
}

export function withoutCard(board: Board, id: string): Board {
  return { ...board, cards: board.cards.filter((card) => card.id !== id) }
}

/** The cards of a column, in order. */
export function cardsIn(cards: readonly Card[], column: Column): Card[] {
  return cards.filter((card) => card.column === column).sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
}

/** The rank of a card that comes before another one of the column, or last. The column must not contain the card itself. */
export function rankBefore(column: readonly Card[], before: string | null): number {
  const index = before === null ? -1 : column.findIndex(({ id }) => id === before)
  if (index < 0) return (column.at(-1)?.rank ?? 0) + 1
  const [previous, next] = [column[index - 1]?.rank, column[index]!.rank]
  return previous === undefined ? next - 1 : (previous + next) / 2
}

export const newCardSchema = cardSchema.pick({ id: true, title: true, column: true })
export const changeSchema = z.union([
  cardSchema.pick({ title: true }),
  cardSchema.pick({ column: true }).extend({ before: z.uuid().nullable() }),
])
export type NewCard = z.infer<typeof newCardSchema>
export type CardChange = z.infer<typeof changeSchema>
