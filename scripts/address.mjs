// The repository's address is one constant: `repository` in the root's package.json. The packages' manifests, the links in their
// READMEs and the addresses in error messages derive from it.
//
// `npm run address -- https://github.com/you/rivulet` sets it everywhere. `check:packages` fails if anything differs.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, root } from './run.mjs'

const read = (path) => readFileSync(join(root, path), 'utf8')

/** Returns the repository's current address, without a trailing slash. */
export function repositoryAddress() {
  return JSON.parse(read('package.json')).repository
}

/** Returns the fields of a published package's manifest that derive from the address. */
export function manifestAddresses(folder) {
  const address = repositoryAddress()
  return {
    homepage: `${address}/tree/main/${folder}#readme`,
    bugs: `${address}/issues`,
    repository: { type: 'git', url: `git+${address}.git`, directory: folder },
  }
}

/** Lists the places of a published package that do not have the address. */
export function addressFaults(folder) {
  const manifest = JSON.parse(read(join(folder, 'package.json')))
  const faults = Object.entries(manifestAddresses(folder))
    .filter(([field, value]) => JSON.stringify(manifest[field]) !== JSON.stringify(value))
    .map(([field, value]) => `package.json: "${field}" must be ${JSON.stringify(value)}`)
  for (const field of ['description', 'keywords'])
    if (!manifest[field]?.length) faults.push(`package.json: no "${field}"`)
  for (const [, target] of read(join(folder, 'README.md')).matchAll(/\]\((?!https:|#)([^)]+)\)/g)) {
    faults.push(`README.md: the link to ${target} does not work on npm; start it with ${repositoryAddress()}`)
  }
  return faults
}

function setAddress(address) {
  if (!/^https:\/\/[^\s/]+\/\S+[^/]$/.test(address ?? '')) {
    throw new Error('Give the address of the repository: npm run address -- https://github.com/you/rivulet')
  }
  const old = repositoryAddress()
  const files = execFileSync('git', ['grep', '-lF', old], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  for (const file of files) writeFileSync(join(root, file), read(file).replaceAll(old, address))
  for (const name of readdirSync(join(root, 'packages'))) {
    const path = join('packages', name, 'package.json')
    const manifest = JSON.parse(read(path))
    if (manifest.private) continue
    const { description, license, ...rest } = manifest
    const { name: own, version } = rest
    delete rest.name
    delete rest.version
    const made = { name: own, version, description, license, ...rest, ...manifestAddresses(join('packages', name)) }
    writeFileSync(join(root, path), `${JSON.stringify(made, null, 2)}\n`)
  }
  console.log(`${old} → ${address}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(() => setAddress(process.argv[2]))
