// `tsx server/start-postgres.ts command …` runs a command with a PostgreSQL of its own, which lasts as long as the command.
// Does nothing but run the command if DATABASE_URL is set.
import { spawn } from 'node:child_process'
import { findPostgres, startPostgres } from './temporary-postgres.js'

const [command, ...args] = process.argv.slice(2)
const given = process.env.DATABASE_URL
if (!given && !findPostgres()) {
  console.error(`There is no PostgreSQL here that could be started (on Debian: apt-get install postgresql).
Or use one of yours: DATABASE_URL=postgres://user:password@localhost:5432/database npm run dev`)
  process.exit(1)
}
const postgres = given ? undefined : await startPostgres()
if (postgres) console.log(`PostgreSQL: ${postgres.url}, until this ends`)
const env = { ...process.env, DATABASE_URL: given ?? postgres!.url }
const child = spawn(command!, args, { stdio: 'inherit', env, shell: process.platform === 'win32' })
// The command gets the signals too, and ends first.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', async (code) => {
  await postgres?.stop()
  process.exit(code ?? 1)
})
