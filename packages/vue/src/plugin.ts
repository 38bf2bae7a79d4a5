import type { EventStreamService } from '@rivulet/client'
import { Feed } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { type App, type Plugin, shallowRef } from 'vue'
import { feedKey } from './context.js'

export interface RivuletOptions {
  /** How many events of each type are kept for components that mount later and ask for them with `replay`. @default 100 */
  bufferSize?: number
  /**
   * How often, at most, components show what has come, in milliseconds. 0: with each animation frame. Handlers of
   * `useServerEvent` are called at once all the same.
   * @default 0
   */
  throttleMs?: number
}

/**
 * Gives a whole app a stream: connected when the app is mounted, and closed when it is unmounted, unless you had connected
 * it. A server mounts nothing, so nothing connects there.
 *
 * @example
 * createApp(Root).use(rivulet(new EventStreamService({ url: '/events', events }))).mount('#app')
 */
export function rivulet<Contract extends EventContract>(
  service: EventStreamService<Contract>,
  { bufferSize = 100, throttleMs = 0 }: RivuletOptions = {},
): Plugin {
  return {
    install(app: App) {
      const feed = new Feed(service as unknown as EventStreamService, bufferSize)
      feed.throttle(throttleMs)
      app.provide(feedKey, shallowRef(feed))
      let close: (() => void) | undefined
      // Vue has no hook for an app's own mounting.
      const { mount, unmount } = app
      app.mount = (...values) => {
        const root = mount(...values)
        close = feed.open()
        return root
      }
      app.unmount = () => {
        unmount()
        close?.()
      }
    },
  }
}
