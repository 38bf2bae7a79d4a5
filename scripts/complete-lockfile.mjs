// `npm run lockfile`, after every `npm install` that changed package-lock.json: npm omits the binaries of other
// platforms if it cannot see them (npm/cli#4828), and `npm ci` then rejects the lockfile on those platforms, or on all.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const file = join(root, 'package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))
const { packages } = lock

// The names of these packages contain their platform: @biomejs/cli-linux-arm64-musl, turbo-windows-64.
const systems = new Map(
  ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'].map((os) => [
    os,
    os,
  ]),
)
systems.set('windows', 'win32').set('androideabi', 'android')
const processors = new Map(
  ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'].map((cpu) => [
    cpu,
    cpu,
  ]),
)
processors.set('64', 'x64').set('ppc64le', 'ppc64')

let added = 0
for (const [path, parent] of Object.entries(packages)) {
  // A workspace that no longer exists.
  if (parent.extraneous) delete packages[path]
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const folders = foldersFor(path)
    if (folders.some((folder) => packages[folder + name])) continue
    const parts = name.split(/[/-]/)
    const [os] = parts.flatMap((part) => systems.get(part) ?? [])
    const [cpu] = parts.flatMap((part) => processors.get(part) ?? [])
    const libc = parts.includes('musl') ? 'musl' : parts.includes('gnu') ? 'glibc' : undefined
    packages[folders[0] + name] = {
      version,
      ...(cpu && { cpu: [cpu] }),
      ...(parent.dev && { dev: true }),
      ...(libc && { libc: [libc] }),
      license: parent.license,
      optional: true,
      ...(os && { os: [os] }),
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${added} packages of other platforms added`)

/** Returns the folders in which a package looks for its dependencies, innermost first. */
function foldersFor(path) {
  const folders = []
  for (let end = path.lastIndexOf('node_modules/'); end >= 0; end = path.lastIndexOf('node_modules/', end - 1)) {
    folders.push(path.slice(0, end + 'node_modules/'.length))
    if (end === 0) break
  }
  if (!folders.includes('node_modules/')) folders.push('node_modules/')
  return folders
}
