// `@tanstack/ai` has ES modules only. CommonJS declarations may take types from it only if they say so, and the bundler of
// declarations drops that from the sources.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('dist/tanstack-ai.d.cts', import.meta.url)
const text = readFileSync(file, 'utf8')
const marked = text.replace(
  /^import \{(.*)\} from '@tanstack\/ai';$/m,
  `import type {$1} from '@tanstack/ai' with { 'resolution-mode': 'import' };`,
)
if (marked === text) throw new Error(`${file.pathname} no longer imports from @tanstack/ai as expected.`)
writeFileSync(file, marked)
