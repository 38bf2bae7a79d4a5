import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'
import { codeBlocks } from './code-blocks.js'
import { errorsByCode } from './error-messages.js'

const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = 'docs/errors'
const codes = readdirSync(join(root, folder)).flatMap((file) => /^(RIVULET_\w+)\.md$/.exec(file)?.[1] ?? [])
const errors = await errorsByCode()

describe.each(codes)('the page of %s', (code) => {
  it('quotes the messages, without the address at their end', () => {
    const page = readFileSync(join(root, folder, `${code}.md`), 'utf8')
    const quoted = codeBlocks(page).filter(({ language }) => language === 'text')
    const address = ` See ${repository}/blob/main/${folder}/${code}.md`
    const messages = (errors[code] ?? []).map(({ message }) => {
      expect(message.endsWith(address), message).toBe(true)
      return message.slice(0, -address.length)
    })
    expect(messages).not.toEqual([])
    expect(quoted.map(({ text }) => text).join('\n')).toBe(`${messages.join('\n\n')}\n`)
  })
})
