import { onScopeDispose, type Ref, ref } from 'vue'

/** Whether the page is dark, as the system has it. */
export function useColorScheme(): Ref<boolean> {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const dark = ref(query.matches)
  const follow = () => {
    dark.value = query.matches
  }
  query.addEventListener('change', follow)
  onScopeDispose(() => query.removeEventListener('change', follow))
  return dark
}
