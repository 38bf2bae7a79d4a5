import { SSEConnectionIndicator, SSEProvider, useConnectionStatus, useEventHistory, useRun } from '@rivulet/react'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './events.js'

const send = (method: string, path: string, body: object) =>
  fetch(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

function Answer({ id, prompt }: { id: string; prompt: string }) {
  const { output, state, reason, error, gap, stop } = useRun(`/api/answers/${id}`, {
    events,
    reduce: (text: string, event) => (event.type === 'completion_text' ? text + event.text : text),
    initial: '',
  })
  return (
    <article aria-label={prompt} data-state={state}>
      <h2>{prompt}</h2>
      {gap && <p role="alert">The beginning is no longer available.</p>}
      <p className="text">{output}</p>
      {state === 'running' && (
        <button type="button" onClick={() => stop().catch(console.error)}>
          Stop
        </button>
      )}
      {state === 'stopped' && <p>Stopped.</p>}
      {state === 'failed' && <p role="alert">{reason ?? String(error)}</p>}
    </article>
  )
}

function Conversation() {
  const {
    events: asked,
    hasOlder,
    loadingOlder,
    loadOlder,
  } = useEventHistory(events.asked, {
    history: { pageSize: 3 },
    limit: 50,
  })
  const [failed, setFailed] = useState<string>()

  async function ask(form: FormData) {
    const prompt = String(form.get('prompt'))
    const { ok, status } = await send('PUT', `/api/answers/${crypto.randomUUID()}`, { prompt })
    setFailed(ok ? undefined : `The question was not sent: ${status}`)
  }

  return (
    <main>
      {hasOlder && (
        <button type="button" disabled={loadingOlder} onClick={loadOlder}>
          Older
        </button>
      )}
      {asked.map(({ answer, prompt }) => (
        <Answer key={answer} id={answer} prompt={prompt} />
      ))}
      <form action={ask}>
        <label>
          Prompt <input name="prompt" />
        </label>
      </form>
      {failed && <p role="alert">{failed}</p>}
    </main>
  )
}

function SignIn() {
  const { error, reconnect } = useConnectionStatus()
  async function signIn(form: FormData) {
    await send('POST', '/api/login', { name: form.get('name') })
    reconnect()
  }
  return (
    error !== undefined && (
      <form action={signIn}>
        <label>
          Name <input name="name" />
        </label>
      </form>
    )
  )
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SSEProvider url="/api/events" events={events}>
      <SSEConnectionIndicator />
      <SignIn />
      <Conversation />
    </SSEProvider>
  </StrictMode>,
)
