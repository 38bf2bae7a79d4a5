import { SSEConnectionIndicator, SSEProvider, useGap, useServerEvent } from '@rivulet/react'
import { StrictMode, useState, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './events.js'
import { Inbox, unread } from './inbox.js'

interface User {
  name: string
  teams: string[]
}

const post = (path: string, body: object) =>
  fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

function Centre({ inbox }: { inbox: Inbox }) {
  const saved = useSyncExternalStore(inbox.subscribe, inbox.get)
  useServerEvent(events.notification, (notification) => inbox.add(notification))
  useServerEvent(events.read, ({ upTo }) => inbox.markRead(upTo))
  const newest = saved.items[0]
  return (
    <section aria-label="Inbox">
      <h2>
        <output aria-label="Unread">{unread(saved)}</output> unread
      </h2>
      <button type="button" disabled={!newest} onClick={() => post('/api/read', { upTo: newest?.id })}>
        Mark all as read
      </button>
      <ol>
        {saved.items.map(({ id, channel, text }) => (
          <li key={id}>
            {channel}: {text}
          </li>
        ))}
      </ol>
    </section>
  )
}

function Toasts() {
  const [toasts, setToasts] = useState<string[]>([])
  const [gaps, setGaps] = useState<string[]>([])
  useServerEvent(events.notification, ({ text }) => setToasts((shown) => [...shown, text]), { live: true })
  useGap(({ reason }) => setGaps((told) => [...told, reason]))
  return (
    <>
      <ul aria-label="Toasts">
        {toasts.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {gaps.length > 0 && <p role="alert">Notifications may be missing: {gaps.join(', ')}</p>}
    </>
  )
}

function App({ user }: { user: User }) {
  const [inbox] = useState(() => new Inbox(user.name))
  const [followed, setFollowed] = useState<string[]>(JSON.parse(sessionStorage.getItem('followed') ?? '[]'))

  function follow(channel: string, on: boolean) {
    const others = followed.filter((name) => name !== channel)
    const next = on ? [...others, channel] : others
    if (!on) inbox.leave(channel)
    sessionStorage.setItem('followed', JSON.stringify(next))
    setFollowed(next)
  }

  return (
    <SSEProvider url="/events" events={events} channels={followed} persist={{ key: user.name }}>
      <SSEConnectionIndicator />
      <fieldset>
        <legend>Teams of {user.name}</legend>
        {['red', 'blue', 'green'].map((team) => (
          <label key={team}>
            <input
              type="checkbox"
              checked={followed.includes(`team:${team}`)}
              onChange={({ target }) => follow(`team:${team}`, target.checked)}
            />
            {team}
          </label>
        ))}
      </fieldset>
      <Toasts />
      <Centre inbox={inbox} />
    </SSEProvider>
  )
}

function SignIn() {
  async function signIn(form: FormData) {
    if ((await post('/api/login', { name: form.get('name') })).ok) location.reload()
  }
  return (
    <form action={signIn}>
      <label>
        Name <input name="name" />
      </label>
      <button type="submit">Sign in</button>
    </form>
  )
}

const me = await fetch('/api/me')
const user: User | undefined = me.ok ? await me.json() : undefined
createRoot(document.getElementById('root')!).render(<StrictMode>{user ? <App user={user} /> : <SignIn />}</StrictMode>)
