import { writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createBalancer } from './balancer.js'
import { NodeProcess } from './node-process.js'
import { freePorts } from './ports.js'
import { startRedis } from './redis.js'

const port = Number(process.env.PORT ?? 3000)
const names = ['A', 'B', 'C']
const lineEveryMs = 100

const [redisPort, ...nodePorts] = await freePorts(1 + names.length)
await startRedis(redisPort!).catch(exit)
const nodes = names.map((name, index) => new NodeProcess(name, nodePorts[index]!, redisPort!))
await Promise.all(nodes.map((node) => node.start()))

const balancer = createBalancer(nodePorts)
balancer.on('error', (error: NodeJS.ErrnoException) => {
  const taken = `Port ${port} is taken. Stop what listens there, or choose another: PORT=${port + 1} npm start`
  exit(error.code === 'EADDRINUSE' ? new Error(taken) : error)
})
balancer.listen(port, () => {
  console.log(`Cluster: http://localhost:${port}`)
  console.log('Kill a node with "npm run kill", or "npm run kill B", while you look at the page.')
  // For `npm run kill`.
  writeFileSync(fileURLToPath(new URL('address.json', import.meta.url)), JSON.stringify({ names, nodePorts }))
  void publishLines(`http://127.0.0.1:${port}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const node of nodes) node.stop()
    process.exit(0)
  })
}

/** Publishes one line after the other, each until it is acknowledged, through any node that answers. */
async function publishLines(address: string): Promise<never> {
  for (let n = 1; ; n++) {
    const text = `Line ${n}, ${new Date().toLocaleTimeString('en-GB')}`
    const attempt = () =>
      fetch(`${address}/api/lines/${n}`, {
        method: 'POST',
        headers: { 'Content-Type': 'text/plain' },
        body: text,
      }).then(
        ({ ok }) => ok,
        () => false,
      )
    while (!(await attempt())) await wait(50)
    await wait(lineEveryMs)
  }
}

function exit(error: Error): never {
  console.error(error.message)
  process.exit(1)
}
