import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// `npm run kill [name]` makes a node of the running cluster kill itself, like a crash.

const { names, nodePorts } = JSON.parse(readFileSync(fileURLToPath(new URL('address.json', import.meta.url)), 'utf8'))
const name = (process.argv[2] ?? names[Math.floor(Math.random() * names.length)]).toUpperCase()
const port = nodePorts[names.indexOf(name)]
if (!port) {
  console.error(`There is no node ${name}; there are ${names.join(', ')}.`)
  process.exit(1)
}
const killed = await fetch(`http://127.0.0.1:${port}/api/kill`, { method: 'POST' }).then(
  ({ ok }) => ok,
  () => false,
)
console.log(
  killed
    ? `Node ${name} was killed.`
    : `Node ${name} does not answer: it is gone already, or the cluster does not run.`,
)
