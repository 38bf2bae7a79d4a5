import { MissingStreamError, type StreamBinding } from '@rivulet/client/binding'
import { type Context, createContext, useContext } from 'react'
import { development } from './development.js'

export const BindingContext: Context<StreamBinding | undefined> = createContext<StreamBinding | undefined>(undefined)

/** Returns the binding of the nearest provider. */
export function useBinding(): StreamBinding {
  const binding = useContext(BindingContext)
  if (!binding) throw new MissingStreamError(development ? 'Render the component inside <SSEProvider>.' : '')
  return binding
}
