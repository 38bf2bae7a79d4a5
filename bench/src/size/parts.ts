import { build } from 'esbuild'
import { withoutTexts } from '../../../tsup.preset.js'
import { printTable } from '../report/table.js'
import { shipped } from './shipped.js'

/** The parts of a bundle with the files that belong to them. The first one that fits a file counts. */
type Parts = Readonly<Record<string, RegExp>>

/** The parts of `createEventStream`. */
export const coreParts: Parts = {
  'connection, table of states, retry policy, liveness, page events':
    /connection\/(connection|connection-machine|retry-policy|liveness)\.|page-events/,
  'request, transport, calls of your functions': /connection\/(request|transport)\.|guard/,
  'receiver, progress of channels, control events':
    /connection\/(receiver|channel-progress|fixed-channels)\.|control-events/,
  errors: /errors\./,
  decoder: /core\/src\/decode/,
  'events and handlers': /delivery\//,
  'the stream itself': /./,
}

/** The parts that React adds to the client for `SSEProvider` and `useServerEvents`. */
export const reactParts: Parts = {
  'lists: folded once a frame, selected, compared, shared':
    /binding\/(fold|shared-folds|same-value|latest|next-frame|selection|events-view|reduction)/,
  'the stream of a provider': /binding\//,
  'React’s own': /react\/src/,
  other: /./,
}

/** Prints which share of a bundle's minified code is of which part. */
export async function printParts(title: string, parts: Parts, code: string, onTopOf = ''): Promise<void> {
  const [whole, base] = await Promise.all([bytesOf(code), bytesOf(onTopOf)])
  const sums = new Map(Object.keys(parts).map((part) => [part, 0]))
  for (const [file, bytes] of whole) {
    const [part] = Object.entries(parts).find(([, files]) => files.test(file))!
    sums.set(part, sums.get(part)! + bytes - (base.get(file) ?? 0))
  }
  const total = [...sums.values()].reduce((sum, bytes) => sum + bytes, 0)
  printTable(
    title,
    ['', 'share'],
    [...sums].map(([part, bytes]) => [part, `${Math.round((100 * bytes) / total)} %`]),
  )
}

/** Bundles the source for production. Returns the bytes of each file in the bundle. */
async function bytesOf(code: string): Promise<Map<string, number>> {
  const { metafile } = await build({
    ...shipped(code),
    conditions: ['@rivulet/source'],
    external: ['react', 'react-dom'],
    plugins: [withoutTexts],
    metafile: true,
  })
  const [output] = Object.values(metafile.outputs)
  return new Map(Object.entries(output!.inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput]))
}
