import type { Feed } from '@rivulet/client/binding'
import { type Context, createContext, useContext } from 'react'
import { MissingProviderError } from './errors.js'

export const FeedContext: Context<Feed | undefined> = createContext<Feed | undefined>(undefined)

/** The feed of the nearest provider. */
export function useFeed(): Feed {
  const feed = useContext(FeedContext)
  if (!feed) throw new MissingProviderError()
  return feed
}
