import { relayCompletion } from '@rivulet/ai/openai'
import { type EventManager, RunManager } from '@rivulet/server'
import type { Conversation, events, Message } from '../shared/contract.js'
import type { Conversations } from './conversations.js'

export interface Model {
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly name: string
}

/** The interval at which the text of a running answer is saved, in milliseconds. */
const saveEveryMs = 1_000

/** Produces answers: each is a run, and its text goes into its conversation. */
export class Answers {
  readonly runs: RunManager<typeof events>
  readonly #manager: EventManager<typeof events>
  readonly #conversations: Conversations
  readonly #model: Model
  /** Ends of answers that are being saved. */
  readonly #endings = new Set<Promise<void>>()

  constructor(manager: EventManager<typeof events>, conversations: Conversations, model: Model) {
    this.#manager = manager
    this.#conversations = conversations
    this.#model = model
    this.runs = new RunManager({ manager, maxRunningPerKey: 4 })
  }

  /**
   * Answers a conversation whose last message is the user's. Keeps neither where the answer cannot begin.
   *
   * @throws {TooManyRunsError}
   */
  async start(userId: string, conversation: Conversation, answerId: string): Promise<Conversation> {
    let text = ''
    const save = async (changes: Partial<Message>) => {
      // It may have been deleted meanwhile.
      const current = this.#conversations.get(userId, conversation.id)
      if (!current) return
      const messages = current.messages.map((message) =>
        message.id === answerId ? { ...message, text, ...changes } : message,
      )
      await this.#conversations.put(userId, { ...current, messages })
    }

    const before = this.#conversations.get(userId, conversation.id)
    const answer: Message = { id: answerId, role: 'assistant', text, state: 'running' }
    const asked = { ...conversation, updatedAt: Date.now(), messages: [...conversation.messages, answer] }
    await this.#conversations.put(userId, asked)

    const { baseUrl, apiKey, name } = this.#model
    const messages = conversation.messages
      .filter(({ text }) => text !== '')
      .map(({ role, text }) => ({ role, content: text }))
    const run = await this.runs
      .start(answerId, { key: userId }, async function* ({ signal }) {
        let savedAt = Date.now()
        for await (const output of relayCompletion({ baseUrl, apiKey, body: { model: name, messages }, signal })) {
          yield output
          if (output.type !== 'completion_text') continue
          text += output.payload.text
          if (Date.now() - savedAt < saveEveryMs) continue
          savedAt = Date.now()
          await save({})
        }
      })
      .catch(async (error) => {
        if (before) await this.#conversations.put(userId, before)
        else await this.#conversations.delete(userId, conversation.id)
        throw error
      })
    const ending = run.finished
      .then(async () => {
        const { state = 'failed', reason } = (await this.runs.get(answerId)) ?? {}
        await save({ state, reason })
        await this.announce(userId, conversation.id)
      })
      .catch((error) => console.error(error))
      .finally(() => this.#endings.delete(ending))
    this.#endings.add(ending)
    await this.announce(userId, conversation.id)
    return asked
  }

  /** Tells the user's tabs that a conversation has changed. */
  async announce(userId: string, conversationId: string): Promise<void> {
    await this.#manager.channel(`user:${userId}`).publish('conversation_changed', { conversationId })
  }

  /** Ends what is running, and saves how it ended. */
  async close(options: { graceMs: number }): Promise<void> {
    await this.runs.close(options)
    await Promise.all(this.#endings)
  }
}
