import { renderToString } from 'react-dom/server'
import { App } from '../web/app.js'
import { createClient, type PageState } from '../web/client.js'

/** Fills the page with the boards, as HTML and as the data with which it goes on in the browser. */
export function renderPage(template: string, state: PageState): string {
  const page = renderToString(<App client={createClient(state)} shown={state.shown} />)
  // Inside a script element, only "<" could end it.
  const data = JSON.stringify(state).replaceAll('<', '\\u003c')
  return template.replace('<!--page-->', () => page).replace('{"state":null}', () => data)
}
