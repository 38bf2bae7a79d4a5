import { type DragEvent, type FormEvent, type ReactElement, useState } from 'react'
import { type Card, columns } from '../shared/board.js'
import { Icon } from './icons.js'
import type { Change } from './use-board.js'

export interface CardViewProps {
  card: Card
  /** The dragged card would stand in front of this one. */
  isTarget: boolean
  onChange: (change: Change) => void
  onDragStart: () => void
  onDragEnd: () => void
  onDragOver: (event: DragEvent) => void
}

export function CardView({
  card,
  isTarget,
  onChange,
  onDragStart,
  onDragEnd,
  onDragOver,
}: CardViewProps): ReactElement {
  const [draft, setDraft] = useState<string | undefined>(undefined)
  const at = columns.indexOf(card.column)
  const move = (step: 1 | -1) => onChange({ kind: 'move', card, column: columns[at + step]!, before: null })
  const rename = (event: FormEvent) => {
    event.preventDefault()
    const title = draft?.trim()
    if (title && title !== card.title) onChange({ kind: 'rename', card, title })
    setDraft(undefined)
  }
  return (
    <li
      className="card"
      data-target={isTarget || undefined}
      draggable={draft === undefined}
      onDragStart={(event) => {
        event.dataTransfer.setData('text/plain', card.title)
        event.dataTransfer.effectAllowed = 'move'
        onDragStart()
      }}
      onDragEnd={onDragEnd}
      onDragOver={onDragOver}
    >
      {draft === undefined ? (
        <span className="card__title">{card.title}</span>
      ) : (
        <form onSubmit={rename}>
          <input
            className="input"
            aria-label="Title"
            maxLength={200}
            value={draft}
            // biome-ignore lint/a11y/noAutofocus: the user has just asked to write here
            autoFocus
            onChange={(event) => setDraft(event.target.value)}
            onBlur={rename}
            onKeyDown={(event) => event.key === 'Escape' && setDraft(undefined)}
          />
        </form>
      )}
      <span className="card__actions">
        <CardButton name="left" label={`Move “${card.title}” left`} isOff={at === 0} onClick={() => move(-1)} />
        <CardButton
          name="right"
          label={`Move “${card.title}” right`}
          isOff={at === columns.length - 1}
          onClick={() => move(1)}
        />
        <CardButton name="pencil" label={`Rename “${card.title}”`} onClick={() => setDraft(card.title)} />
        <CardButton name="trash" label={`Delete “${card.title}”`} onClick={() => onChange({ kind: 'delete', card })} />
      </span>
    </li>
  )
}

interface CardButtonProps {
  name: 'left' | 'right' | 'pencil' | 'trash'
  label: string
  isOff?: boolean
  onClick: () => void
}

function CardButton({ name, label, isOff = false, onClick }: CardButtonProps): ReactElement {
  return (
    <button type="button" className="button button--icon" aria-label={label} disabled={isOff} onClick={onClick}>
      <Icon name={name} />
    </button>
  )
}
