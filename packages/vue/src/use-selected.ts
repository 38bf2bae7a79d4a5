import { Selection, type SelectOptions } from '@rivulet/client/binding'
import { type ComputedRef, computed } from 'vue'

/** Selects from a view. The ref changes only when the selection does. */
export function useSelected<View, Selected>(
  view: () => View,
  options: SelectOptions<View, Selected>,
): ComputedRef<Selected> {
  const selection = new Selection<View, Selected>()
  return computed(() => {
    const selected = selection.of(view(), options)
    selection.keep(selected, options)
    return selected
  })
}
