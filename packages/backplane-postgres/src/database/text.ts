/** Characters that Postgres does not store, and the one that marks their replacements. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters.
const forbidden = /[\0\x1a]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
const replaced = /\x1a([0-9a-f]{4})/g

/** Encodes any string as a text of Postgres, which allows neither NUL nor lone surrogates. */
export function toText(text: string): string {
  return text.replace(forbidden, (character) => `\x1a${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Decodes a text that `toText` encoded. */
export function fromText(text: string): string {
  if (!text.includes('\x1a')) return text
  return text.replace(replaced, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}
