import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts the example's own Redis, which writes every event to disk before it answers. Resolves when it takes commands. */
export function startRedis(port: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-cluster-'))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const redis = spawn('redis-server', [...args, '--appendonly', 'yes', '--appendfsync', 'always'])
  process.on('exit', () => {
    redis.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  return new Promise((resolve, reject) => {
    redis.once('error', () =>
      reject(new Error('This example needs redis-server: install it, on Debian with: apt-get install redis-server')),
    )
    redis.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}.`)))
    redis.stdout.on('data', (text) => {
      if (String(text).includes('Ready to accept connections')) resolve()
    })
  })
}
