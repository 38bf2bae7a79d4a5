import { type KeyboardEvent, useState } from 'react'
import { Icon } from './icon.js'

interface ComposerProps {
  readonly running: boolean
  readonly disabled: boolean
  /** Resolves with `false` if the prompt was not taken. */
  onSend(text: string): Promise<boolean>
  readonly onStop: (() => Promise<void>) | undefined
}

export function Composer({ running, disabled, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState('')
  const [sending, setSending] = useState(false)
  const canSend = text.trim() !== '' && !running && !sending && !disabled

  const send = async () => {
    if (!canSend) return
    setSending(true)
    if (await onSend(text)) setText('')
    setSending(false)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter accepts it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    void send()
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      {/* The hidden copy gives the field its height. */}
      <div className="field" data-copy={`${text}\n`}>
        <textarea
          aria-label="Your message"
          placeholder="Ask anything"
          rows={1}
          maxLength={8_000}
          value={text}
          disabled={disabled}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </div>
      {running ? (
        <button type="button" className="act stop" aria-label="Stop" onClick={() => void onStop?.().catch(() => {})}>
          <span />
        </button>
      ) : (
        <button type="submit" className="act" aria-label="Send" disabled={!canSend}>
          <Icon name="send" />
        </button>
      )}
    </form>
  )
}
