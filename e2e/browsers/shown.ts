declare global {
  interface Window {
    /** What a page with a component tells of itself. */
    shown: { handled: number }
  }
}

export const shown: Window['shown'] = { handled: 0 }
window.shown = shown
