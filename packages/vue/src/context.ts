import type { Feed } from '@rivulet/client/binding'
import { type InjectionKey, inject, type ShallowRef } from 'vue'
import { MissingStreamError } from './errors.js'

export const feedKey: InjectionKey<Readonly<ShallowRef<Feed>>> = Symbol('rivulet')

/** The feed of the nearest provider, or of the plugin. */
export function useFeed(): Readonly<ShallowRef<Feed>> {
  const feed = inject(feedKey, undefined)
  if (!feed) throw new MissingStreamError()
  return feed
}
