import '@rivulet/react/indicator.css'
import './look/look.css'
import './styles.css'
import { SSEProvider } from '@rivulet/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from '../shared/contract.js'
import { App } from './app.js'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SSEProvider url="/api/events/stream" events={events}>
      <App />
    </SSEProvider>
  </StrictMode>,
)
