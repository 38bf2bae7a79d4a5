/** Compares positions. They are numbers in base 36, so the longer one is the later. */
export function isAfter(id: string, position: string): boolean {
  return id.length === position.length ? id > position : id.length > position.length
}
