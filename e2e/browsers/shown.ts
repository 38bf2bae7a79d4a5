declare global {
  interface Window {
    /** Report of a page with a component. */
    shown: { handled: number }
  }
}

export const shown: Window['shown'] = { handled: 0 }
window.shown = shown
