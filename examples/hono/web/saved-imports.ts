/** An import as the page remembers it. The server knows the rest. */
export interface SavedImport {
  readonly id: string
  readonly name: string
}

const key = 'imports'

/** The imports of this tab, newest first. They survive a reload. */
export function loadImports(): SavedImport[] {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? '[]')
  } catch {
    return []
  }
}

export function saveImports(imports: readonly SavedImport[]): void {
  sessionStorage.setItem(key, JSON.stringify(imports))
}
