import { randomFrom } from '../../../test-support/random.js'
import { hashEvents } from './hash.js'

export const workloadNames = ['tokens', 'json', 'lines', 'cr', 'cjk'] as const
export type WorkloadName = (typeof workloadNames)[number]

export interface Event {
  readonly event: string
  readonly data: string
  readonly id: string
}

export interface Workload {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  /** Expected output of a decoder. */
  readonly events: number
  readonly hash: number
}

const sizes: Record<WorkloadName, number> = {
  tokens: 4 << 20,
  json: 4 << 20,
  lines: 2 << 20,
  cr: 4 << 20,
  cjk: 4 << 20,
}

/** Creates a workload, always the same one. */
export function createWorkload(name: WorkloadName): Workload {
  const random = randomFrom(1)
  const write = writers[name](random)
  const expected: Event[] = []
  const parts: string[] = []
  for (let length = 0; length < sizes[name]; length += parts.at(-1)!.length) {
    const { text, ...event } = write()
    parts.push(text)
    expected.push(event)
  }
  // After a final CR, a decoder must see the next character to know that it is not CRLF.
  parts.push(name === 'cr' ? ': end\r' : ': end\n')
  const bytes = new TextEncoder().encode(parts.join(''))
  const chunkSize = name === 'lines' ? () => 1 + Math.floor(random() * 200) : () => 16_384
  const chunks: Uint8Array[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = start + chunkSize()
    chunks.push(bytes.slice(start, end))
    start = end
  }
  return { chunks, bytes: bytes.length, events: expected.length, hash: hashEvents(expected) }
}

type Writer = () => Event & { text: string }

const writers: Record<WorkloadName, (random: () => number) => Writer> = {
  /** Typical output of language models: `data` alone, some 120 bytes. */
  tokens: (random) => () => {
    const id = Math.floor(random() * 1e9).toString(36)
    const data = `{"id":"chatcmpl-${id.padStart(6, '0')}","object":"chunk","choices":[{"index":0,"delta":{"content":" ${word(random)}"}}]}`
    return { event: 'message', data, id: '', text: `data: ${data}\n\n` }
  },
  /** Records of some 4 KiB with id and name. */
  json: (random) => {
    let id = 0
    return () => {
      const rows: unknown[] = []
      for (let length = 0; length < 3_900; length += JSON.stringify(rows.at(-1)).length + 1) {
        rows.push({ key: word(random), value: random(), tags: [word(random), word(random), word(random)] })
      }
      const data = JSON.stringify(rows)
      id++
      return { event: 'update', data, id: String(id), text: `id: ${id}\nevent: update\ndata: ${data}\n\n` }
    }
  },
  /** Two to seven lines ending in CRLF, with comments, accents and emoji, in chunks of 1 to 200 bytes. */
  lines: (random) => () => {
    const lines = Array.from({ length: 2 + Math.floor(random() * 6) }, () => {
      const emoji = random() < 0.2 ? '😀' : ''
      return `${word(random)} ${word(random)} é ${emoji} ${word(random)} ${word(random)}`
    })
    const comment = random() < 0.2 ? `: a comment ${word(random)}\r\n` : ''
    const text = `event: note\r\n${comment}${lines.map((line) => `data: ${line}\r\n`).join('')}\r\n`
    return { event: 'note', data: lines.join('\n'), id: '', text }
  },
  /** Lines ending in CR alone. */
  cr: (random) => () => {
    const id = String(Math.floor(random() * 1e9))
    const data = `{"content":" ${word(random)} ${word(random)} ${word(random)}","weight":${random()}}`
    return { event: 'tick', data, id, text: `id: ${id}\revent: tick\rdata: ${data}\r\r` }
  },
  /** Tokens of Chinese: three bytes per character. */
  cjk: (random) => () => {
    const characters = Array.from({ length: 14 }, () => String.fromCharCode(0x4e00 + Math.floor(random() * 5_000)))
    const data = `{"choices":[{"delta":{"content":"${characters.join('')}"}}]}`
    return { event: 'message', data, id: '', text: `data: ${data}\n\n` }
  },
}

const words =
  'the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years where much your way down should because long each just state'.split(
    ' ',
  )

function word(random: () => number): string {
  return words[Math.floor(random() * words.length)]!
}
