/** The device's storage, which outlives the app. */
declare const disk: Map<string, string>

/** The synchronous part of `expo-sqlite/kv-store`. */
// biome-ignore lint/style/noDefaultExport: so does expo-sqlite
export default {
  getItemSync: (name: string): string | null => disk.get(name) ?? null,
  setItemSync: (name: string, value: string): void => void disk.set(name, value),
}
