export { events } from './contract.js'

/** Report of a page. */
export interface Rate {
  /** Number of renders of the component. */
  commits: number
  /** Number of events that a handler received. */
  handled: number
  /** Number of events on the page, and the last one. */
  shown: string
}

declare global {
  interface Window {
    rate: Rate
    /** Number of animation frames since the page was loaded. */
    framesDrawn: number
  }
}

window.rate = { commits: 0, handled: 0, shown: '' }
window.framesDrawn = 0
requestAnimationFrame(function count() {
  window.framesDrawn++
  requestAnimationFrame(count)
})
