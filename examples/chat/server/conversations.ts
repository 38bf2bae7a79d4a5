import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Conversation, ConversationSummary } from '../shared/contract.js'

interface Stored extends Conversation {
  readonly userId: string
}

const isId = (id: string) => /^[0-9a-f-]{36}$/.test(id)

/** Conversations in memory, and in one JSON file each, so that they survive the death of the server. */
export class Conversations {
  readonly #folder: string
  readonly #all = new Map<string, Stored>()
  readonly #writes = new Map<string, Promise<void>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Reads the files. An answer that was being written when the server died is lost. */
  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith('.json')) continue
      const stored = JSON.parse(await readFile(join(this.#folder, name), 'utf8')) as Stored
      const messages = stored.messages.map((message) =>
        message.state === 'running' ? { ...message, state: 'failed' as const, reason: 'producer lost' } : message,
      )
      this.#all.set(stored.id, { ...stored, messages })
    }
  }

  list(userId: string): ConversationSummary[] {
    return [...this.#all.values()]
      .filter((conversation) => conversation.userId === userId)
      .sort((one, other) => other.updatedAt - one.updatedAt)
      .map(({ id, title, updatedAt, messages }) => ({
        id,
        title,
        updatedAt,
        running: messages.at(-1)?.state === 'running',
      }))
  }

  get(userId: string, id: string): Conversation | undefined {
    const found = this.#all.get(id)
    if (found?.userId !== userId) return undefined
    const { userId: _, ...conversation } = found
    return conversation
  }

  /** @throws {RangeError} for an id that is none, or belongs to somebody else. */
  async put(userId: string, conversation: Conversation): Promise<void> {
    const existing = this.#all.get(conversation.id)
    if (!isId(conversation.id) || (existing && existing.userId !== userId))
      throw new RangeError('Not your conversation.')
    this.#all.set(conversation.id, { ...conversation, userId })
    await this.#write(conversation.id)
  }

  async delete(userId: string, id: string): Promise<void> {
    if (this.#all.get(id)?.userId !== userId) return
    this.#all.delete(id)
    await this.#write(id)
  }

  /** One write at a time, and each file is whole at any moment. */
  #write(id: string): Promise<void> {
    const written = (this.#writes.get(id) ?? Promise.resolve()).then(async () => {
      const file = join(this.#folder, `${id}.json`)
      const stored = this.#all.get(id)
      if (!stored) return rm(file, { force: true })
      await writeFile(`${file}.new`, JSON.stringify(stored))
      await rename(`${file}.new`, file)
    })
    const settled = written.catch(() => {})
    this.#writes.set(id, settled)
    void settled.then(() => this.#writes.get(id) === settled && this.#writes.delete(id))
    return written
  }
}
