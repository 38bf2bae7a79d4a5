import { completionEvents } from '@rivulet/ai/events'
import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

/** An answer is a run of completion events. `conversation_changed` tells a user's other tabs to look again. */
export const events = {
  ...completionEvents,
  ...defineEvents({ conversation_changed: z.object({ conversationId: z.string() }) }),
}

export type AnswerState = 'running' | 'done' | 'stopped' | 'failed'

export interface Message {
  readonly id: string
  readonly role: 'user' | 'assistant'
  /** Of a running answer, its text so far; the run has all of it. */
  readonly text: string
  readonly state: AnswerState
  /** The reason why an answer was stopped or failed. */
  readonly reason?: string | undefined
}

export interface Conversation {
  readonly id: string
  readonly title: string
  /** In milliseconds since the Unix epoch. */
  readonly updatedAt: number
  readonly messages: readonly Message[]
}

export type ConversationSummary = Omit<Conversation, 'messages'> & { readonly running: boolean }

/** A prompt. The page chooses the ids, so that a request that is sent again asks nothing twice. */
export const promptSchema = z.object({ id: z.uuid(), answerId: z.uuid(), text: z.string().trim().min(1).max(8_000) })
export const retrySchema = z.object({ answerId: z.uuid() })
