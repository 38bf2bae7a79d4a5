import { randomUUID } from 'node:crypto'
import type { EventManager } from '@rivulet/server'
import type { Pool, PoolClient } from 'pg'
import {
  type Board,
  type Card,
  type CardChange,
  type Column,
  cardsIn,
  channelOf,
  type events,
  type NewCard,
  rankBefore,
} from '../shared/board.js'

const schema = `
  CREATE TABLE IF NOT EXISTS boards (id text PRIMARY KEY, name text NOT NULL);
  CREATE TABLE IF NOT EXISTS cards (
    id uuid PRIMARY KEY,
    board text NOT NULL REFERENCES boards,
    title text NOT NULL,
    "column" text NOT NULL CHECK ("column" IN ('todo', 'doing', 'done')),
    rank double precision NOT NULL
  );
  CREATE INDEX IF NOT EXISTS cards_board ON cards (board);
`

const samples: readonly [id: string, name: string, cards: Record<Column, readonly string[]>][] = [
  [
    'website',
    'Website',
    {
      todo: ['Write the pricing page', 'Compress the hero image', 'Ask Ines about the new logo'],
      doing: ['Dark theme for the docs', 'Fix the menu on small screens'],
      done: ['Move to the new host', 'Redirect the old blog'],
    },
  ],
  [
    'workshop',
    'Workshop',
    {
      todo: ['Book a room for 20', 'Print the handouts'],
      doing: ['Rehearse the live demo'],
      done: ['Send the invitations'],
    },
  ],
]

/** The boards in Postgres. Every change publishes its event in its own transaction: both exist, or neither. */
export class Boards {
  readonly #pool: Pool
  readonly #manager: EventManager<typeof events>

  constructor(pool: Pool, manager: EventManager<typeof events>) {
    this.#pool = pool
    this.#manager = manager
  }

  /** Creates the tables, with sample boards if there are none. Several processes may call it at the same time. */
  async prepare(): Promise<void> {
    await this.#inTransaction('READ COMMITTED', async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('task-board', 0))`)
      await client.query(schema)
      const { rows } = await client.query('SELECT FROM boards LIMIT 1')
      if (rows.length > 0) return
      for (const [board, name, columns] of samples) {
        await client.query('INSERT INTO boards (id, name) VALUES ($1, $2)', [board, name])
        for (const [column, titles] of Object.entries(columns)) {
          for (const [index, title] of titles.entries()) {
            const card = { id: randomUUID(), title, column: column as Column, rank: index + 1 }
            await save(client, board, card)
          }
        }
      }
    })
  }

  /**
   * Reads all boards and the cursor in one snapshot of the database. A stream that begins at the cursor brings exactly the changes
   * that the boards lack.
   */
  read(): Promise<Board[]> {
    return this.#inTransaction('REPEATABLE READ READ ONLY', async (client) => {
      const boards = await client.query<{ id: string; name: string }>('SELECT id, name FROM boards ORDER BY name')
      const cards = await client.query<Card & { board: string }>(
        'SELECT id, board, title, "column", rank FROM cards ORDER BY rank, id',
      )
      const cursor = await this.#manager.cursor({ transaction: client })
      return boards.rows.map(({ id, name }) => ({
        cursor,
        id,
        name,
        cards: cards.rows.filter(({ board }) => board === id).map(({ board: _, ...card }) => card),
      }))
    })
  }

  /** Adds a card at the end of its column. A card that is there already stays as it is: a request may be sent again. */
  add(board: string, { id, title, column }: NewCard): Promise<boolean> {
    return this.change(board, async (client, cards) => {
      if (cards.some((card) => card.id === id)) return true
      const rank = rankBefore(cardsIn(cards, column), null)
      await this.#save(client, board, { id, title, column, rank })
      return true
    })
  }

  /** Renames or moves a card. Returns `false` if there is none. */
  edit(board: string, id: string, change: CardChange): Promise<boolean> {
    return this.change(board, async (client, cards) => {
      const card = cards.find((one) => one.id === id)
      if (!card) return false
      if ('title' in change) {
        await this.#save(client, board, { ...card, title: change.title })
        return true
      }
      const { column, before } = change
      const others = cardsIn(cards, column).filter((one) => one.id !== id)
      const rank = rankBefore(others, before)
      await this.#save(client, board, { ...card, column, rank })
      if (others.every((one) => one.rank !== rank)) return true
      // Between two cards that close together, no number is left: the whole column gets new ones.
      const place = others.findIndex((one) => one.id === before)
      const end = place < 0 ? others.length : place
      for (const [index, one] of [...others.slice(0, end), { ...card, column }, ...others.slice(end)].entries()) {
        await this.#save(client, board, { ...one, rank: index + 1 })
      }
      return true
    })
  }

  remove(board: string, id: string): Promise<boolean> {
    return this.change(board, async (client) => {
      const { rowCount } = await client.query('DELETE FROM cards WHERE board = $1 AND id = $2', [board, id])
      if (rowCount === 0) return false
      await this.#manager.publish(
        'card_deleted',
        { board, card: id },
        { channel: channelOf(board), transaction: client },
      )
      return true
    })
  }

  /**
   * Changes a board in a transaction, one after the other. Returns `false` if there is no such board, or `work` does.
   *
   * @throws what `work` throws. Nothing has changed then, and nothing is published.
   */
  change(board: string, work: (client: PoolClient, cards: readonly Card[]) => Promise<boolean>): Promise<boolean> {
    return this.#inTransaction('READ COMMITTED', async (client) => {
      const { rowCount } = await client.query('SELECT FROM boards WHERE id = $1 FOR UPDATE', [board])
      if (rowCount === 0) return false
      const { rows } = await client.query<Card>('SELECT id, title, "column", rank FROM cards WHERE board = $1', [board])
      return work(client, rows)
    })
  }

  async #save(client: PoolClient, board: string, card: Card): Promise<void> {
    await save(client, board, card)
    await this.publish(client, board, card)
  }

  /** Publishes a card exactly if the transaction commits. */
  async publish(client: PoolClient, board: string, card: Card): Promise<void> {
    await this.#manager.publish('card_saved', { board, card }, { channel: channelOf(board), transaction: client })
  }

  async #inTransaction<T>(level: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let broken: unknown
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${level}`)
      const result = await work(client)
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK').catch((reason) => {
        broken = reason
      })
      throw error
    } finally {
      client.release(broken !== undefined)
    }
  }
}

async function save(client: PoolClient, board: string, { id, title, column, rank }: Card): Promise<void> {
  await client.query(
    `INSERT INTO cards (id, board, title, "column", rank) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO UPDATE SET title = excluded.title, "column" = excluded."column", rank = excluded.rank`,
    [id, board, title, column, rank],
  )
}
