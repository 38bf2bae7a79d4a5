import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test-support/root.js'

/** Packs each published package, as it was built, into the folder. Returns the tarballs by package name. */
export function packPackages(folder: string): Record<string, string> {
  const tarballs: Record<string, string> = {}
  for (const name of readdirSync(join(root, 'packages'))) {
    const source = join(root, 'packages', name)
    if (JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).private) continue
    tarballs[`@rivulet/${name}`] = `file:${pack(source, folder)}`
  }
  return tarballs
}

/** Packs the package in `source`, as it was built, into the folder. Returns the tarball's path. */
export function pack(source: string, folder: string): string {
  const packed = execFileSync('npm', ['pack', source, '--json', '--silent', `--pack-destination=${folder}`], {
    cwd: folder,
    encoding: 'utf8',
  })
  return join(folder, JSON.parse(packed)[0].filename)
}
