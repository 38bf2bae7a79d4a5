// `npm run test:browsers`: every check in Chromium, Firefox and WebKit. Other arguments go to vitest: `-- -t Shared`. `-- firefox` runs one engine.
// With `--update` the results are written, and the compatibility page from them; with `--page` the page alone.
import { ensureInstalled, ensureSystemPackages } from './install.mjs'
import { main, run, vitest } from './run.mjs'

await main(() => {
  ensureInstalled()
  const args = process.argv.slice(2)
  const takes = (word) => {
    const at = args.indexOf(word)
    if (at >= 0) args.splice(at, 1)
    return at >= 0
  }
  const update = takes('--update')
  if (!takes('--page')) {
    ensureSystemPackages()
    const all = ['chromium', 'firefox', 'webkit']
    const chosen = all.filter(takes)
    const files = (chosen.length > 0 ? chosen : all).map((engine) => `browsers/${engine}`)
    // One engine at a time: a page that waits for the machine is not slow by itself.
    run([...vitest, 'run', '--project', 'e2e', '--no-file-parallelism', ...files, ...args], {
      RIVULET_BROWSERS: update ? 'update' : 'all',
    })
    if (!update) return
  }
  run([...vitest, 'run', '--project', 'e2e', 'browsers/compatibility', '--update'])
})
