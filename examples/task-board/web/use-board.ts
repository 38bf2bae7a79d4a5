import {
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import {
  type Board,
  type Card,
  type CardChange,
  type Column,
  cardsIn,
  rankBefore,
  withCard,
  withoutCard,
} from '../shared/board.js'
import { boardKey } from './client.js'

export function useBoard(id: string): UseQueryResult<Board> {
  return useQuery({ queryKey: boardKey(id), queryFn: () => request<Board>('GET', `/api/boards/${id}`) })
}

export type Change =
  | { readonly kind: 'add'; readonly id: string; readonly title: string; readonly column: Column }
  | { readonly kind: 'rename'; readonly card: Card; readonly title: string }
  /** `before`: the card in front of which it stands; `null`: it stands last. */
  | { readonly kind: 'move'; readonly card: Card; readonly column: Column; readonly before: string | null }
  | { readonly kind: 'delete'; readonly card: Card }

/** Changes a board: on the page at once, and on the server. If the server refuses, the page goes back. */
export function useChange(board: string): UseMutationResult<unknown, Error, Change, Board | undefined> {
  const queryClient = useQueryClient()
  const key = boardKey(board)
  return useMutation<unknown, Error, Change, Board | undefined>({
    mutationFn: (change) => {
      const cards = `/api/boards/${board}/cards`
      switch (change.kind) {
        case 'add':
          return request('POST', cards, { id: change.id, title: change.title, column: change.column })
        case 'rename':
          return request('PATCH', `${cards}/${change.card.id}`, { title: change.title } satisfies CardChange)
        case 'move':
          return request('PATCH', `${cards}/${change.card.id}`, {
            column: change.column,
            before: change.before,
          } satisfies CardChange)
        case 'delete':
          return request('DELETE', `${cards}/${change.card.id}`)
      }
    },
    onMutate: (change) => {
      const before = queryClient.getQueryData<Board>(key)
      if (before) queryClient.setQueryData(key, expected(before, change))
      return before
    },
    // Events that came in between are applied to it again.
    onError: (_error, _change, before) => queryClient.setQueryData(key, before),
  })
}

/** The board as the server will make it. Its event then says exactly what it did. */
function expected(board: Board, change: Change): Board {
  switch (change.kind) {
    case 'add': {
      const { id, title, column } = change
      return withCard(board, { id, title, column, rank: rankBefore(cardsIn(board.cards, column), null) })
    }
    case 'rename':
      return withCard(board, { ...change.card, title: change.title })
    case 'move': {
      const { card, column, before } = change
      const others = cardsIn(withoutCard(board, card.id).cards, column)
      return withCard(board, { ...card, column, rank: rankBefore(others, before) })
    }
    case 'delete':
      return withoutCard(board, change.card.id)
  }
}

async function request<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(path, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  return method === 'GET' ? response.json() : (undefined as Answer)
}
