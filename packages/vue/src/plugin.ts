import type { EventStreamService } from '@rivulet/client'
import { StreamBinding } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { type App, type Plugin, shallowRef } from 'vue'
import { bindingKey } from './context.js'

export interface RivuletOptions {
  /**
   * Number of events of each type of the contract that are kept for components that mount later and set `replay`. 0
   * keeps none, and types without a listening component are not even parsed.
   * @default 100
   */
  bufferSize?: number
  /**
   * Least time between two updates of the components, in milliseconds. 0 updates with each animation frame. Handlers of
   * `useServerEvent` are called at once in any case.
   * @default 0
   */
  throttleMs?: number
}

/**
 * Plugin that provides an app with an event stream. The stream connects when the app is mounted and closes when it is
 * unmounted, unless you connected it yourself. On a server nothing is mounted, so nothing connects.
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
      const binding = new StreamBinding(service, bufferSize)
      binding.throttle(throttleMs)
      app.provide(bindingKey, shallowRef(binding))
      let close: (() => void) | undefined
      // Vue has no hook for mounting an app.
      const { mount, unmount } = app
      app.mount = (...values) => {
        const root = mount(...values)
        close = binding.open()
        return root
      }
      app.unmount = () => {
        unmount()
        close?.()
      }
    },
  }
}
