// `npm run check:packages` checks every published package, as npm would pack it, with publint and "are the types wrong".
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressFaults, repositoryAddress } from './address.mjs'
import { bin, main, root, run, turbo } from './run.mjs'

await main(() => {
  run([...turbo, 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only'])
  for (const name of readdirSync(join(root, 'packages'))) {
    const folder = join('packages', name)
    if (JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).private) continue
    console.log(`\n@rivulet/${name}`)
    const faults = addressFaults(folder)
    if (faults.length > 0) throw new Error(`${faults.join('\n')}\nRun: npm run address -- ${repositoryAddress()}`)
    run([...bin('publint/src/cli.js'), '--strict', folder])
    // node10 does not know "exports", so it cannot find subpaths in any package.
    run([...bin('@arethetypeswrong/cli/dist/index.js'), '--pack', folder, '--profile', 'node16'])
  }
})
