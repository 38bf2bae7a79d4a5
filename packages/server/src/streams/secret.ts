/** The length of a secret: 128 bits in base64url. */
export const secretLength = 22

/** Makes a secret that nobody can guess. */
export function makeSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .slice(0, secretLength)
}

/** Compares in a time that tells nothing about how much of a guess is right. */
export function isSecret(secret: string, guess: string): boolean {
  if (secret.length !== guess.length) return false
  let difference = 0
  for (let index = 0; index < secret.length; index++) difference |= secret.charCodeAt(index) ^ guess.charCodeAt(index)
  return difference === 0
}
