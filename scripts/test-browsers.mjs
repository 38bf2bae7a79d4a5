// `npm run test:browsers` runs every check in Chromium, Firefox and WebKit; `-- firefox` runs one engine. Other arguments go to vitest: `-- -t Shared`.
// `--update` writes the results and the compatibility page; `--page` writes only the page.
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
    // One engine at a time, so that no page waits for the CPU.
    run([...vitest, 'run', '--project', 'e2e', '--no-file-parallelism', ...files, ...args], {
      RIVULET_BROWSERS: update ? 'update' : 'all',
    })
    if (!update) return
  }
  run([...vitest, 'run', '--project', 'e2e', 'browsers/compatibility', '--update'])
})
