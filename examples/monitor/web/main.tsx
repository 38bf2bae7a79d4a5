import 'uplot/dist/uPlot.min.css'
import '@rivulet/react/indicator.css'
import './look/look.css'
import './styles.css'
import { SSEProvider } from '@rivulet/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { events, streamPath } from '../shared/events.js'
import { App } from './app.js'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SSEProvider url={streamPath} events={events}>
      <App />
    </SSEProvider>
  </StrictMode>,
)
