/** Begins the names of channels that belong to the SDK. */
export const reservedPrefix = 'rivulet:'

/** Recognizes channels of the SDK: no stream may have them, and no application may publish to them. */
export function isReservedChannel(name: string): boolean {
  return name.startsWith(reservedPrefix)
}
