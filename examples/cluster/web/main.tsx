import '@rivulet/react/indicator.css'
import './look/look.css'
import './styles.css'
import { EventStreamService } from '@rivulet/client'
import { SSEProvider } from '@rivulet/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { events, streamPath } from '../shared/events.js'
import { App } from './app.js'
import { fetchFromNode } from './current-node.js'

const service = new EventStreamService({ url: streamPath, events, fetch: fetchFromNode })

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SSEProvider service={service}>
      <App />
    </SSEProvider>
  </StrictMode>,
)
