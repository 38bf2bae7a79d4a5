import { MissingStreamError, type StreamBinding } from '@rivulet/client/binding'
import { type InjectionKey, inject, type ShallowRef } from 'vue'
import { development } from './development.js'

export const bindingKey: InjectionKey<Readonly<ShallowRef<StreamBinding>>> = Symbol('rivulet')

/** Returns the binding of the nearest provider, or else of the plugin. */
export function useBinding(): Readonly<ShallowRef<StreamBinding>> {
  const binding = inject(bindingKey, undefined)
  if (!binding) {
    throw new MissingStreamError(
      development ? 'Render the component inside <SSEProvider>, or install the plugin: app.use(rivulet(service)).' : '',
    )
  }
  return binding
}
