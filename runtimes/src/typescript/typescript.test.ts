import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { npmBinary } from '../../../test-support/npm-binary.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const oldest = '5.4.5'
const newest = '7.0.2'
const others = ['5.5.4', '5.6.3', '5.7.3', '5.8.3', '5.9.3', '6.0.3']

/** Module resolution settings. The first two are for packages that Node.js runs, in ESM and CommonJS. */
const resolutions = {
  node16: { module: 'node16', moduleResolution: 'node16' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
} as const

vi.setConfig({ testTimeout: 120_000 })

let folder: string

// A user's project: the packages' type tests, once as ES modules and once as CommonJS, against the built packages.
beforeAll(async () => {
  await mkdir(join(root, '.tmp'), { recursive: true })
  folder = await mkdtemp(join(root, '.tmp/typescript-'))
  for (const type of ['module', 'commonjs']) {
    const project = join(folder, type)
    await mkdir(project)
    await writeFile(join(project, 'package.json'), JSON.stringify({ type }))
    await writeFile(join(project, 'entries.ts'), await importsOfAll())
    for (const [file, text] of await typeTests()) {
      // arktype has no CommonJS build, and compilers before 5.8 refuse to import it there.
      if (type === 'module' || !text.includes("'arktype'")) await writeFile(join(project, file), text)
    }
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

it.each([
  ...Object.keys(resolutions).flatMap((resolution) =>
    [oldest, newest].map((version) => [version, resolution as keyof typeof resolutions] as const),
  ),
  ...others.map((version) => [version, 'nodenext'] as const),
])('the types hold with TypeScript %s and moduleResolution %s', async (version, resolution) => {
  expect(await errorsWith(version, { ...resolutions[resolution], skipLibCheck: true })).toEqual([])
})

// Without skipLibCheck, which turns unknown types into `any`.
it.each([oldest, newest])('TypeScript %s understands the declarations', async (version) => {
  expect(await errorsWith(version, { ...resolutions.nodenext, skipLibCheck: false })).toEqual([])
})

/** Returns the compiler's errors for the project, except those in other libraries, some of which need newer compilers. */
async function errorsWith(version: string, options: { moduleResolution: string; skipLibCheck: boolean }) {
  const config = join(folder, `tsconfig.${version}.${options.moduleResolution}.${options.skipLibCheck}.json`)
  const compilerOptions = {
    ...options,
    target: 'es2022',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: ['node'],
    jsx: 'react-jsx',
    strict: true,
    noEmit: true,
  }
  const include = [options.moduleResolution === 'bundler' ? 'module' : '.']
  await writeFile(config, JSON.stringify({ compilerOptions, include }))
  const compiler = npmBinary(`typescript@${version}`, 'tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', config], { cwd: root }).catch(
    (error) => error,
  )
  const lines: string[] = stdout.split('\n')
  return lines.filter((line) => /^\S/.test(line) && !line.startsWith('node_modules/'))
}

/** Imports each entry of each published package, so that the compiler reads its declarations. */
async function importsOfAll(): Promise<string> {
  const imports: string[] = []
  for (const name of await readdir(join(root, 'packages'))) {
    const manifest = JSON.parse(await readFile(join(root, 'packages', name, 'package.json'), 'utf8'))
    if (manifest.private) continue
    const entries = Object.keys(manifest.exports).filter((entry) => !/\.(json|css|sql)$/.test(entry))
    for (const entry of entries)
      imports.push(`export * as _${imports.length} from '${manifest.name}${entry.slice(1)}'\n`)
  }
  return imports.join('')
}

/** The packages' type tests, changed to import the package by name instead of the file beside them. */
async function typeTests(): Promise<[file: string, text: string][]> {
  const tests: [string, string][] = []
  for (const name of await readdir(join(root, 'packages'))) {
    const source = join(root, 'packages', name, 'src')
    const files = await readdir(source).catch(() => [])
    for (const file of files.filter((file) => /\.test-d\.tsx?$/.test(file))) {
      const text = await readFile(join(source, file), 'utf8')
      const byName = text
        .replaceAll("'./index.js'", `'@rivulet/${name}'`)
        .replaceAll(/'\.\/([\w-]+)\.js'/g, `'@rivulet/${name}/$1'`)
      tests.push([`${name}.${file.replace('.test-d.', '.')}`, byName])
    }
  }
  return tests
}
