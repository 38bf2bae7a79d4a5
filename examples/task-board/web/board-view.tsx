import { type DragEvent, type FormEvent, type ReactElement, useState } from 'react'
import { type Card, type Column, cardsIn, columns } from '../shared/board.js'
import { CardView } from './card-view.js'
import { Icon } from './icons.js'
import { type Change, useBoard, useChange } from './use-board.js'

export const columnNames: Readonly<Record<Column, string>> = { todo: 'To do', doing: 'In progress', done: 'Done' }

/** The card that is being dragged, in this page. */
let dragged: Card | undefined

export function BoardView({ id }: { id: string }): ReactElement {
  const { data } = useBoard(id)
  const { mutate, error } = useChange(id)
  return (
    <main className="board">
      <h2 className="visually-hidden">{data?.name}</h2>
      <p className="board__error" role="alert" hidden={!error}>
        {error && `That did not work, and was taken back. ${error.message}`}
      </p>
      <div className="board__columns">
        {columns.map((column) => (
          <ColumnView key={column} column={column} cards={cardsIn(data?.cards ?? [], column)} onChange={mutate} />
        ))}
      </div>
    </main>
  )
}

interface ColumnProps {
  column: Column
  cards: readonly Card[]
  onChange: (change: Change) => void
}

function ColumnView({ column, cards, onChange }: ColumnProps): ReactElement {
  const name = columnNames[column]
  // The card in front of which the dragged one would stand; `null`: last; `undefined`: it is not over this column.
  const [target, setTarget] = useState<string | null | undefined>(undefined)
  const onDragOver = (event: DragEvent, before: string | null) => {
    if (!dragged) return
    event.preventDefault()
    event.stopPropagation()
    setTarget(before)
  }
  const onDrop = (event: DragEvent) => {
    event.preventDefault()
    if (dragged && target !== undefined && target !== dragged.id)
      onChange({ kind: 'move', card: dragged, column, before: target })
    setTarget(undefined)
  }
  return (
    <section
      className="column"
      aria-label={name}
      data-target={target === null || undefined}
      onDragOver={(event) => onDragOver(event, null)}
      onDragLeave={() => setTarget(undefined)}
      onDrop={onDrop}
    >
      <h3 className="column__title">
        {name} <span className="column__count">{cards.length}</span>
      </h3>
      <ul className="column__cards">
        {cards.map((card) => (
          <CardView
            key={card.id}
            card={card}
            isTarget={card.id === target}
            onChange={onChange}
            onDragStart={() => {
              dragged = card
            }}
            onDragEnd={() => {
              dragged = undefined
              setTarget(undefined)
            }}
            onDragOver={(event) => onDragOver(event, card.id)}
          />
        ))}
      </ul>
      <AddCard name={name} onAdd={(title) => onChange({ kind: 'add', id: crypto.randomUUID(), title, column })} />
    </section>
  )
}

function AddCard({ name, onAdd }: { name: string; onAdd: (title: string) => void }): ReactElement {
  const [title, setTitle] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (title.trim() === '') return
    onAdd(title.trim())
    setTitle('')
  }
  return (
    <form className="add" onSubmit={submit}>
      <input
        className="input"
        aria-label={`New card in ${name}`}
        placeholder="New card"
        maxLength={200}
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <button type="submit" className="button button--icon" aria-label={`Add to ${name}`}>
        <Icon name="plus" />
      </button>
    </form>
  )
}
