export type AppStateStatus = 'active' | 'background' | 'inactive'

type Listener = (state: AppStateStatus) => void

const listeners = new Set<Listener>()

/** The part of React Native's `AppState` that apps use for streams. `change` is the test's. */
export const AppState = {
  currentState: 'active' as AppStateStatus,
  addEventListener(_type: 'change', listener: Listener): { remove(): void } {
    listeners.add(listener)
    return { remove: () => void listeners.delete(listener) }
  },
  change(state: AppStateStatus): void {
    this.currentState = state
    for (const listener of listeners) listener(state)
  },
}
