import { SSEConnectionIndicator, useServerEvent } from '@rivulet/react'
import { useState } from 'react'
import { events } from '../shared/contract.js'
import { api } from './api.js'
import { ConversationView } from './conversation-view.js'
import { Icon } from './icon.js'
import { PageHeader } from './look/page-header.js'
import { Sidebar } from './sidebar.js'
import { openConversation, useConversationId } from './use-conversation-id.js'
import { useFetched } from './use-fetched.js'

export function App() {
  const id = useConversationId()
  const [menuOpen, setMenuOpen] = useState(false)
  const list = useFetched('', api.list)
  // A new conversation gets its id with its first prompt.
  const [freshId, setFreshId] = useState(() => crypto.randomUUID())
  useServerEvent(events.conversation_changed, list.reload)

  const open = (next: string) => {
    openConversation(next)
    setMenuOpen(false)
    if (next === '') setFreshId(crypto.randomUUID())
  }
  const title = list.value?.find((conversation) => conversation.id === id)?.title

  return (
    <div className="app" data-menu={menuOpen || undefined}>
      <PageHeader
        name="Chat"
        start={
          <button
            type="button"
            className="button button--icon menu"
            aria-label="Conversations"
            aria-expanded={menuOpen}
            onClick={() => setMenuOpen(!menuOpen)}
          >
            <Icon name="menu" />
          </button>
        }
        indicator={<SSEConnectionIndicator />}
      >
        {title && <h2 className="header__fact">{title}</h2>}
      </PageHeader>
      <Sidebar conversations={list.value} currentId={id} onOpen={open} onChange={list.reload} />
      <button
        type="button"
        className="scrim"
        aria-label="Close the list"
        tabIndex={-1}
        onClick={() => setMenuOpen(false)}
      />
      <div className="pane">
        <ConversationView
          key={id || freshId}
          id={id || freshId}
          isNew={id === ''}
          onStart={() => {
            openConversation(freshId)
            list.reload()
          }}
        />
      </div>
    </div>
  )
}
