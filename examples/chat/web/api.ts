import type { Conversation, ConversationSummary } from '../shared/contract.js'

/** Shown to the user as it is. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(`/api${path}`, {
    method,
    ...(body ? { headers, body: JSON.stringify(body) } : {}),
  }).catch(() => {
    throw new ApiError(0, 'The server cannot be reached.')
  })
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({}))
    throw new ApiError(response.status, error ?? 'Something went wrong.')
  }
  return response.status === 204 ? (undefined as Answer) : response.json()
}

export const api = {
  list: () => ask<ConversationSummary[]>('GET', '/conversations'),
  get: (id: string) => ask<Conversation>('GET', `/conversations/${id}`),
  delete: (id: string) => ask<void>('DELETE', `/conversations/${id}`),
  send: (id: string, prompt: { id: string; answerId: string; text: string }) =>
    ask<Conversation>('POST', `/conversations/${id}/messages`, prompt),
  retry: (id: string, answerId: string) => ask<Conversation>('POST', `/conversations/${id}/retry`, { answerId }),
}
