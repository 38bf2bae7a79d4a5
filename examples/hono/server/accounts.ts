import { randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import * as z from 'zod'

/** Required content of a row. */
export const accountRow: z.ZodType<{ email: string; name: string; password: string }> = z.object({
  email: z.email('The e-mail address is not valid.'),
  name: z.string().trim().min(1, 'The name is missing.'),
  password: z.string().min(8, 'The password has fewer than 8 characters.'),
})

const hash = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** Some 50 ms of work per password, on another thread: this makes an import long. */
const defaultCost: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 }

/** Thrown if an account cannot be created. */
export class AccountError extends Error {}

/** Accounts by e-mail address. In your application, use a database. */
export class Accounts {
  /** An address is taken from the moment on at which its password is being hashed. */
  readonly #accounts = new Map<string, { name: string; salt: Buffer; hash: Promise<Buffer> }>()
  readonly #cost: ScryptOptions

  constructor(cost: ScryptOptions = defaultCost) {
    this.#cost = cost
  }

  get size(): number {
    return this.#accounts.size
  }

  /**
   * Creates an account from a row.
   *
   * @throws {AccountError} if the row is invalid or the address is taken.
   */
  async add(row: unknown): Promise<void> {
    const { success, data, error } = accountRow.safeParse(row)
    if (!success) throw new AccountError(error.issues[0]!.message)
    const email = data.email.toLowerCase()
    if (this.#accounts.has(email)) throw new AccountError('There is an account with this e-mail address.')
    const salt = randomBytes(16)
    const hashed = hash(data.password, salt, 32, this.#cost)
    this.#accounts.set(email, { name: data.name, salt, hash: hashed })
    await hashed
  }
}
