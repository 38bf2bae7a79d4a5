import type { RunOutput } from '@rivulet/server'
import type { events } from '../shared/events.ts'
import { AccountError, type Accounts } from './accounts.ts'
import type { Row } from './read-rows.ts'

/** Imports rows one after the other, and gives the outcome of each: the producer of a run. Cancelling leaves the loop. */
export async function* importRows(
  name: string,
  rows: readonly Row[],
  accounts: Accounts,
): AsyncGenerator<RunOutput<typeof events>, void> {
  yield { type: 'started', payload: { name, rows: rows.length } }
  for (const { line, fields } of rows) {
    const rejected = await add(accounts, fields)
    yield { type: 'row', payload: { line, email: fields.email ?? '', ...(rejected && { rejected }) } }
  }
}

/** Returns the reason why a row was rejected; `undefined` if it was accepted. */
async function add(accounts: Accounts, fields: Row['fields']): Promise<string | undefined> {
  try {
    await accounts.add(fields)
    return undefined
  } catch (error) {
    if (error instanceof AccountError) return error.message
    throw error
  }
}
