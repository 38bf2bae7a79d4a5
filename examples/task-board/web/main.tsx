import '@rivulet/react/indicator.css'
import './look/look.css'
import './styles.css'
import { queryRule, syncQueries } from '@rivulet/client/query'
import { StrictMode } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { applyEvent, type Board, channelOf, events } from '../shared/board.js'
import { App } from './app.js'
import { createClient, type PageState } from './client.js'

const state: PageState = JSON.parse(document.getElementById('state')!.textContent!)
const client = createClient(state)

syncQueries({
  ...client,
  rules: [
    queryRule({
      queryKey: ['board'],
      events: Object.values(events),
      concerns: (event, [, board]) => event.board === board,
      // A gap on the channel of one board makes that board refetch, and no other one.
      channels: ([, board]) => channelOf(String(board)),
      patch: (board: Board, event) => applyEvent(board, event),
    }),
  ],
})

hydrateRoot(
  document.getElementById('root')!,
  <StrictMode>
    <App client={client} shown={state.shown} />
  </StrictMode>,
)
