import type { ConnectionStatus } from '@rivulet/client'
import {
  type EventsView,
  type FoldRecipe,
  type FoldView,
  type SelectOptions,
  viewEvents,
} from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition } from '@rivulet/core'
import { useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useHydrating } from './use-hydrating.js'
import { useSelected, useSelection } from './use-selection.js'

/** Events as a list keeps them. */
export type Kept = readonly BaseEvent[]

/** Fields that a hook adds to the view of its list. */
export interface AddedFields<Fields> {
  /** Calls the listener when the fields change. Returns its undo. */
  watch(listener: () => void): () => void
  /** Returns the fields to show with a list: the same object until they change. `undefined` in a render for the server. */
  stateOf(list: FoldView<Kept> | undefined): Fields
}

export interface EventListOptions<View> extends CollectOptions, Partial<SelectOptions<View, unknown>> {}

/**
 * A list of events, with the status of its stream. Returns it as the component shows it: the view, or what `select` selects.
 *
 * @param limit Number of events to show.
 */
export function useEventList<Fields extends object | undefined>(
  definitions: EventDefinition | readonly EventDefinition[],
  recipe: FoldRecipe<Kept>,
  limit: number,
  { select, equal, ...options }: EventListOptions<EventsView<BaseEvent> & Fields>,
  added: AddedFields<Fields>,
): { readonly shown: unknown; readonly list: FoldView<Kept> } {
  type View = EventsView<BaseEvent> & Fields
  const { service, onStatusChange } = useBinding()
  const hydrating = useHydrating()
  const selection = useSelection<View, unknown>()
  const isNew = (kept: Kept, list: FoldView<Kept>) =>
    selection.isNew({ ...viewEvents(kept, limit, service.status), ...added.stateOf(list) })
  const { result: kept, view: list } = useFold(definitions, recipe, options, select && isNew)
  const fields = useSyncExternalStore(
    added.watch,
    () => added.stateOf(list),
    () => added.stateOf(undefined),
  )
  const rendered = useRef<ConnectionStatus>('idle')
  const status = useSyncExternalStore<ConnectionStatus>(
    onStatusChange,
    () => (select && !isNew(kept, list) ? rendered.current : service.status),
    () => 'idle',
  )
  useInsertionEffect(() => {
    rendered.current = status
  })
  const newest = select && !hydrating ? service.status : status
  const view = useMemo(() => ({ ...viewEvents(kept, limit, newest), ...fields }), [kept, limit, newest, fields])
  return { shown: useSelected(selection, view, select && { select, equal }), list }
}
