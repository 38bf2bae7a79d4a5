import { useRun } from '@rivulet/react'
import { type ComponentProps, memo, useEffect } from 'react'
import Markdown, { type ExtraProps } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { events, type Message } from '../shared/contract.js'
import { Icon } from './icon.js'

const plugins = [remarkGfm]
/** Code and tables scroll sideways, so keyboards must reach them. */
const components = {
  // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
  pre: ({ node, ...props }: ComponentProps<'pre'> & ExtraProps) => <pre {...props} tabIndex={0} />,
  // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
  table: ({ node, ...props }: ComponentProps<'table'> & ExtraProps) => <table {...props} tabIndex={0} />,
}

/** react-markdown builds elements, no HTML: what a model writes cannot become a script. */
const Text = memo(function Text({ text }: { text: string }) {
  return (
    <Markdown remarkPlugins={plugins} components={components}>
      {text}
    </Markdown>
  )
})

interface RunningAnswerProps {
  readonly message: Message
  /** It is over, or unknown to the server: the conversation knows how it ended. */
  onEnd(): void
  onStopChange(stop: (() => () => Promise<void>) | undefined): void
}

/** An answer that is being written: all of it from its beginning, then word by word. */
export function RunningAnswer({ message, onEnd, onStopChange }: RunningAnswerProps) {
  const { output, state, gap, status, stop } = useRun(`/api/answers/${message.id}`, {
    events,
    reduce: (text, event) => (event.type === 'completion_text' ? text + event.text : text),
    initial: '',
  })
  const isOver = state === 'done' || state === 'stopped' || state === 'failed'
  useEffect(() => {
    if (!isOver) return
    onEnd()
    // The server saves the end a moment after it has told it.
    const timer = setInterval(onEnd, 500)
    return () => clearInterval(timer)
  }, [isOver, onEnd])
  useEffect(() => {
    onStopChange(() => stop)
    return () => onStopChange(undefined)
  }, [stop, onStopChange])

  const text = output || message.text
  return (
    <article className="answer" aria-busy={!isOver} data-state={isOver ? state : 'running'}>
      {gap && <p className="notice">The beginning of this answer is no longer kept.</p>}
      {text === '' ? (
        <p className="thinking">
          <span />
          <span />
          <span />
          <span className="visually-hidden">The answer is on its way.</span>
        </p>
      ) : (
        <Text text={text} />
      )}
      {status === 'waiting' && <p className="hint">The connection is lost. The answer goes on when it is back.</p>}
    </article>
  )
}

const reasons: Readonly<Record<string, string>> = {
  'producer lost': 'The server went down while it was writing this answer.',
  shutdown: 'The server was restarted while it was writing this answer.',
  timeout: 'The answer took too long.',
  'model unavailable': 'The model cannot be reached, or is busy.',
  'model refused': 'The model refused the request. Check its name and the API key.',
  'model cut off': 'The model broke off in the middle.',
}

/** An answer that is over. */
export function StoredAnswer({ message, onRetry }: { message: Message; onRetry?: (() => void) | undefined }) {
  const { text, state, reason } = message
  return (
    <article className="answer" data-state={state}>
      {text !== '' && <Text text={text} />}
      {state === 'stopped' && <p className="hint">Stopped.</p>}
      {state === 'failed' && (
        <div className="failure" role="alert">
          <p>{reasons[reason ?? ''] ?? 'The model failed in the middle of this answer.'}</p>
          {onRetry && (
            <button type="button" className="button button--danger" onClick={onRetry}>
              <Icon name="retry" /> Try again
            </button>
          )}
        </div>
      )}
    </article>
  )
}
