// `npm start` builds the monitor example and serves it. PORT chooses the port.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { main, root, run, turbo } from './run.mjs'

await main(() => {
  ensureInstalled()
  run([...turbo, 'run', 'build', '--filter=monitor', '--output-logs=errors-only'])
  const server = spawn(process.execPath, ['dist/server/main.js'], {
    cwd: join(root, 'examples/monitor'),
    stdio: 'inherit',
  })
  // Ctrl-C reaches the server too (same terminal). This process only has to outlive it, and to forward a signal sent to itself alone.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => server.kill('SIGTERM'))
  server.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
})
