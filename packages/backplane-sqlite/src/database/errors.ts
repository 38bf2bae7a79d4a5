import { RivuletError } from '@rivulet/core'

/**
 * The fault behind a `SqliteStoreError`.
 *
 * - `in-use`: another backplane, in this or another process, writes to the file.
 * - `locked`: another connection to the file held its lock for too long.
 * - `full`: the disk is full, or the database has reached its `max_page_count`.
 * - `damaged`: the file is damaged, or is not an SQLite database.
 * - `unwritable`: the file cannot be opened or written.
 * - `moved`: the file was moved, deleted or replaced, so events would be stored where the next process does not find them.
 * - `version`: a newer version of this package wrote the file.
 * - `closed`: the backplane or its database was closed.
 * - `failed`: any other error of SQLite, as the `cause`.
 */
export type SqliteProblem =
  | 'in-use'
  | 'locked'
  | 'full'
  | 'damaged'
  | 'unwritable'
  | 'moved'
  | 'version'
  | 'closed'
  | 'failed'

/**
 * SQLite cannot store or read events. The operation stored nothing, unless an I/O error left that unknown. Publish again with
 * the same idempotency key: the event is stored once.
 */
export class SqliteStoreError extends RivuletError {
  static override get name(): string {
    return 'SqliteStoreError'
  }
  static override readonly code = 'RIVULET_SQLITE_STORE'

  constructor(
    /** The fault. */
    readonly problem: SqliteProblem,
    /** The operation that failed: `open`, `write` or `read`. */
    readonly operation: 'open' | 'write' | 'read',
    reason?: string,
    options?: ErrorOptions,
  ) {
    const { fault, fix } = texts[problem]
    super(SqliteStoreError.code, `SQLite cannot ${verbs[operation]}: ${reason ?? fault} ${fix}`, options)
  }
}

const verbs = { open: 'open the event store', write: 'store events', read: 'read events' }

const texts: Readonly<Record<SqliteProblem, { fault: string; fix: string }>> = {
  'in-use': {
    fault: 'another backplane writes to this file.',
    fix: 'Give each process a file of its own, or stop the other process: its claim ends with it. Several managers of one process can share one backplane.',
  },
  locked: {
    fault: 'another connection holds the lock of the database.',
    fix: 'Keep the transactions of other connections short, and give the backplane a file and a connection of its own.',
  },
  full: {
    fault: 'the disk is full, or the database has reached its max_page_count.',
    fix: 'Free some space, keep fewer events (retention), or raise max_page_count. It works again without a restart.',
  },
  damaged: {
    fault: 'the file is damaged, or is not an SQLite database.',
    fix: 'Move the file away with its -wal and -shm files and restart: clients are told of a gap. "sqlite3 FILE .recover" can save its contents.',
  },
  unwritable: {
    fault: 'the file cannot be opened for writing.',
    fix: 'Let the process write to the file and to its folder, and open the database without a readonly option.',
  },
  moved: {
    fault: 'the file was moved, deleted or replaced while it was in use.',
    fix: 'Restart the process: it uses the file that is at the path then. Stop the process before you replace its file.',
  },
  version: {
    fault: 'a newer version of @rivulet/backplane-sqlite wrote this file.',
    fix: 'Upgrade the package, or use another file.',
  },
  closed: {
    fault: 'the backplane or its database is closed.',
    fix: 'Close the manager first, then the backplane, then the database.',
  },
  failed: {
    fault: 'the database reported an error.',
    fix: 'The cause has the details.',
  },
}

const names: Readonly<Record<string, SqliteProblem>> = {
  PERM: 'unwritable',
  BUSY: 'locked',
  LOCKED: 'locked',
  READONLY: 'unwritable',
  CORRUPT: 'damaged',
  FULL: 'full',
  CANTOPEN: 'unwritable',
  NOTADB: 'damaged',
}

/** The primary result codes of SQLite behind these names. */
const numbers: Readonly<Record<number, string>> = {
  3: 'PERM',
  5: 'BUSY',
  6: 'LOCKED',
  8: 'READONLY',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  26: 'NOTADB',
}

/** Names the fault behind an error of a driver. */
export function problemOf(error: unknown): SqliteProblem {
  const { code, errcode, message } = (error ?? {}) as { code?: unknown; errcode?: unknown; message?: unknown }
  // `node:sqlite` has SQLite's number; the others have its name, such as `SQLITE_BUSY_SNAPSHOT`.
  const name = typeof errcode === 'number' ? numbers[errcode & 0xff] : /^SQLITE_([A-Z]+)/.exec(String(code))?.[1]
  const problem = names[name ?? '']
  if (problem) return problem
  return /not open/i.test(String(message)) ? 'closed' : 'failed'
}

/** Wraps an error of a driver. Errors of this package pass unchanged. */
export function storeError(operation: SqliteStoreError['operation'], error: unknown): SqliteStoreError {
  if (error instanceof SqliteStoreError) return error
  const problem = problemOf(error)
  const reason = problem === 'failed' ? `${(error as Error | undefined)?.message ?? error}.` : undefined
  return new SqliteStoreError(problem, operation, reason, { cause: error })
}
