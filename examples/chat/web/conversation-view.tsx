import { useServerEvent } from '@rivulet/react'
import { useCallback, useRef, useState } from 'react'
import { events, type Message } from '../shared/contract.js'
import { RunningAnswer, StoredAnswer } from './answer.js'
import { ApiError, api } from './api.js'
import { Composer } from './composer.js'
import { Suggestions } from './suggestions.js'
import { useFetched } from './use-fetched.js'
import { useStickToEnd } from './use-stick-to-end.js'

interface ConversationViewProps {
  readonly id: string
  readonly isNew: boolean
  onStart(): void
}

export function ConversationView({ id, isNew, onStart }: ConversationViewProps) {
  const load = useCallback((id: string) => (isNew ? Promise.resolve(undefined) : api.get(id)), [isNew])
  const { value: conversation, error, reload, set } = useFetched(id, load)
  const [problem, setProblem] = useState<string>()
  const [stop, setStop] = useState<() => Promise<void>>()
  useServerEvent(events.conversation_changed, ({ conversationId }) => {
    if (conversationId === id) reload()
  })

  const messages = conversation?.messages ?? []
  const running = messages.at(-1)?.state === 'running'
  const { scroller, content } = useStickToEnd(messages.length)

  const attempt = async (request: () => ReturnType<typeof api.send>) => {
    setProblem(undefined)
    try {
      set(await request())
      if (isNew) onStart()
      return true
    } catch (failure) {
      setProblem((failure as Error).message)
      return false
    }
  }
  const unsent = useRef<{ id: string; answerId: string; text: string }>(undefined)
  const send = async (text: string) => {
    // Sent again, a prompt keeps its ids: the server may have taken it, and only its answer was lost.
    const prompt =
      unsent.current?.text === text ? unsent.current : { id: crypto.randomUUID(), answerId: crypto.randomUUID(), text }
    unsent.current = prompt
    const isSent = await attempt(() => api.send(id, prompt))
    if (isSent) unsent.current = undefined
    return isSent
  }
  const retry = () => void attempt(() => api.retry(id, crypto.randomUUID()))

  const isGone = error instanceof ApiError && error.status === 404
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keyboards must reach it */}
      <main ref={scroller} tabIndex={0}>
        <div className="messages" ref={content}>
          {isGone && <p className="notice">This conversation does not exist any more.</p>}
          {isNew && messages.length === 0 && <Suggestions onChoose={(text) => void send(text)} />}
          {messages.map((message, index) => (
            <MessageView
              key={message.id}
              message={message}
              onEnd={reload}
              onStopChange={setStop}
              {...(index === messages.length - 1 ? { onRetry: retry } : {})}
            />
          ))}
        </div>
      </main>
      <footer>
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <Composer running={running} disabled={isGone} onSend={send} onStop={stop} />
      </footer>
    </>
  )
}

interface MessageViewProps {
  readonly message: Message
  onEnd(): void
  onStopChange(stop: (() => () => Promise<void>) | undefined): void
  onRetry?(): void
}

function MessageView({ message, onEnd, onStopChange, onRetry }: MessageViewProps) {
  if (message.role === 'user') return <div className="prompt">{message.text}</div>
  if (message.state !== 'running') return <StoredAnswer message={message} onRetry={onRetry} />
  return <RunningAnswer message={message} onEnd={onEnd} onStopChange={onStopChange} />
}
