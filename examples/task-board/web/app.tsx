import { SSEConnectionIndicator, SSEProvider } from '@rivulet/react'
import { QueryClientProvider } from '@tanstack/react-query'
import { type ReactElement, useEffect, useState } from 'react'
import { BoardView } from './board-view.js'
import type { Client } from './client.js'
import { PageHeader } from './look/page-header.js'
import { useBoard } from './use-board.js'

export interface AppProps {
  client: Client
  /** The id of the board that is shown first. */
  shown: string
}

export function App({ client, shown }: AppProps): ReactElement {
  return (
    <QueryClientProvider client={client.queryClient}>
      <SSEProvider service={client.stream}>
        <Page
          ids={client.queryClient
            .getQueryCache()
            .findAll({ queryKey: ['board'] })
            .map(({ queryKey }) => String(queryKey[1]))}
          first={shown}
        />
      </SSEProvider>
    </QueryClientProvider>
  )
}

function Page({ ids, first }: { ids: readonly string[]; first: string }): ReactElement {
  const [shown, setShown] = useState(first)
  useEffect(() => {
    const onBack = () => setShown(location.pathname.split('/')[2] ?? first)
    addEventListener('popstate', onBack)
    return () => removeEventListener('popstate', onBack)
  }, [first])
  const show = (id: string) => {
    history.pushState(null, '', `/boards/${id}`)
    setShown(id)
  }
  return (
    <div className="app">
      <PageHeader name="Task board" indicator={<SSEConnectionIndicator />}>
        <nav className="boards" aria-label="Boards">
          {ids.map((id) => (
            <BoardLink key={id} id={id} isShown={id === shown} onShow={show} />
          ))}
        </nav>
      </PageHeader>
      <BoardView key={shown} id={shown} />
    </div>
  )
}

function BoardLink({
  id,
  isShown,
  onShow,
}: {
  id: string
  isShown: boolean
  onShow: (id: string) => void
}): ReactElement {
  const { data } = useBoard(id)
  const open = data?.cards.filter(({ column }) => column !== 'done').length
  return (
    <a
      className="board-link"
      href={`/boards/${id}`}
      aria-current={isShown ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        onShow(id)
      }}
    >
      {data?.name ?? id}{' '}
      <span className={`badge${isShown ? ' badge--strong' : ''}`}>
        {open}
        <span className="visually-hidden"> open</span>
      </span>
    </a>
  )
}
