import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './code-blocks.js'

/** Packs each published package, as it was built, into the folder. Gives the tarballs by the packages' names. */
export function packPackages(folder: string): Record<string, string> {
  const tarballs: Record<string, string> = {}
  for (const name of readdirSync(join(root, 'packages'))) {
    const source = join(root, 'packages', name)
    if (JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).private) continue
    const packed = execFileSync('npm', ['pack', source, '--json', '--silent', `--pack-destination=${folder}`], {
      cwd: folder,
      encoding: 'utf8',
    })
    tarballs[`@rivulet/${name}`] = `file:${join(folder, JSON.parse(packed)[0].filename)}`
  }
  return tarballs
}
