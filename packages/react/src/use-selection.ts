import { Selection, type SelectOptions } from '@rivulet/client/binding'
import { useInsertionEffect, useState } from 'react'

/** Returns the selection that a component shows, to ask which views are new. */
export function useSelection<View, Selected>(): Selection<View, Selected> {
  const [selection] = useState(() => new Selection<View, Selected>())
  return selection
}

/** Selects from a view, and keeps the selection while an equal one follows. Returns the view itself without `select`. */
export function useSelected<View, Selected>(
  selection: Selection<View, Selected>,
  view: View,
  options: SelectOptions<View, Selected> | undefined,
): View | Selected {
  const selected = options ? selection.of(view, options) : view
  useInsertionEffect(() => selection.keep(selected as Selected, options))
  return selected
}
