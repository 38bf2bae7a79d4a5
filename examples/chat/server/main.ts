import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Model } from './answers.js'
import { createChat } from './app.js'
import { createDemoModel } from './demo-model.js'

/** Time that running answers have to end before the rest is cut off. */
const graceMs = 1_000

/** The built page is in dist/web, beside the folder of this built file. */
const webRoot = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/web' : '../web', import.meta.url))
const { PORT = '3000', DATA_DIR = 'data', DEMO_WORD_MS = '40' } = process.env

const model = await chooseModel()
const chat = await createChat({ model, dataFolder: DATA_DIR, webRoot })
const server = createServer(chat.app)
server.on('error', (error: NodeJS.ErrnoException) => {
  console.error(
    error.code === 'EADDRINUSE'
      ? `Port ${PORT} is taken. Stop what listens there, or choose another: PORT=3001 npm start`
      : `Cannot listen on port ${PORT}: ${error.message}`,
  )
  process.exit(1)
})
server.listen(Number(PORT))
await once(server, 'listening')

console.log(`Chat: http://localhost:${(server.address() as AddressInfo).port}`)
console.log(`Model: ${model.name} at ${model.baseUrl}`)
if (!existsSync(webRoot))
  console.log('The page is not built. Run "npm run build", or open the address that Vite prints.')

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())

/** A second signal does not wait for the first one's grace period. */
async function stop(): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  server.close()
  await chat.close({ graceMs })
  server.closeAllConnections()
  process.exit(0)
}

/** A real endpoint if the environment names one, otherwise the demo model, on a port of its own. */
async function chooseModel(): Promise<Model> {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, OPENAI_MODEL: name = 'gpt-5-mini' } = process.env
  if (apiKey || baseUrl) return { baseUrl: baseUrl || 'https://api.openai.com/v1', apiKey, name }
  const demo = createServer(createDemoModel({ wordMs: Number(DEMO_WORD_MS) })).listen(0, '127.0.0.1')
  await once(demo, 'listening')
  return { baseUrl: `http://127.0.0.1:${(demo.address() as AddressInfo).port}/v1`, apiKey: undefined, name: 'demo' }
}
