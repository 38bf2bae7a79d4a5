import { onScopeDispose, type Ref, ref } from 'vue'

/** `true` while the system uses a dark theme. */
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
