/** Compares positions: base-36 numbers, of which a longer one is later. */
export function isAfter(id: string, position: string): boolean {
  return id.length === position.length ? id > position : id.length > position.length
}
