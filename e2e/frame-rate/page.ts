export { events } from './contract.js'

/** What a page tells of itself. */
export interface Rate {
  /** How often the component was drawn anew. */
  commits: number
  /** How many events a handler got. */
  handled: number
  /** What is on the page: how many events, and the last one. */
  shown: string
}

declare global {
  interface Window {
    rate: Rate
    /** Animation frames since the page was loaded. */
    framesDrawn: number
  }
}

window.rate = { commits: 0, handled: 0, shown: '' }
window.framesDrawn = 0
requestAnimationFrame(function count() {
  window.framesDrawn++
  requestAnimationFrame(count)
})
