import { EventStreamService } from '@rivulet/client'
import { QueryClient } from '@tanstack/react-query'
import { type Board, events, streamPath } from '../shared/board.js'

/** The state that a page begins with. */
export interface PageState {
  readonly boards: readonly Board[]
  /** The id of the board in the page's address. */
  readonly shown: string
}

export interface Client {
  readonly queryClient: QueryClient
  readonly stream: EventStreamService<typeof events>
}

/** Creates the cache, and the stream that begins where its boards are. For the server, and for the browser. */
export function createClient({ boards }: PageState): Client {
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  for (const board of boards) queryClient.setQueryData(boardKey(board.id), board)
  // The server read all boards in one transaction, so they have the same cursor.
  const stream = new EventStreamService({ url: streamPath, events, lastEventId: boards[0]?.cursor ?? '' })
  return { queryClient, stream }
}

export function boardKey(id: string): readonly ['board', string] {
  return ['board', id]
}
