import type { ConversationSummary } from '../shared/contract.js'
import { api } from './api.js'
import { Icon } from './icon.js'

interface SidebarProps {
  readonly conversations: readonly ConversationSummary[] | undefined
  readonly currentId: string
  onOpen(id: string): void
  onChange(): void
}

export function Sidebar({ conversations, currentId, onOpen, onChange }: SidebarProps) {
  const remove = async (id: string) => {
    await api.delete(id).catch(() => {})
    if (id === currentId) onOpen('')
    onChange()
  }
  return (
    <nav className="sidebar" aria-label="Conversations">
      <button type="button" className="button new-chat" onClick={() => onOpen('')}>
        <Icon name="plus" /> New chat
      </button>
      <ul>
        {conversations?.map(({ id, title, running }) => (
          <li key={id}>
            <button type="button" aria-current={id === currentId ? 'page' : undefined} onClick={() => onOpen(id)}>
              <span className="title">{title}</span>
              {running && <span className="running" role="img" aria-label="An answer is being written" />}
            </button>
            <button
              type="button"
              className="button button--icon delete"
              aria-label={`Delete “${title}”`}
              onClick={() => void remove(id)}
            >
              <Icon name="trash" />
            </button>
          </li>
        ))}
      </ul>
      {conversations?.length === 0 && <p className="nothing">Your conversations appear here.</p>}
    </nav>
  )
}
