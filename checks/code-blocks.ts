import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../test-support/root.js'

/** A fenced code block of a Markdown page. */
export interface Block {
  language: string
  text: string
  /** Line of the page on which the text begins, from 1. */
  line: number
}

export function codeBlocks(markdown: string): Block[] {
  return Array.from(markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), ({ 1: language, 2: text, index }) => ({
    language: language!,
    text: text!,
    line: markdown.slice(0, index).split('\n').length + 1,
  }))
}

/** Makes a folder for code blocks, inside the repository so that their imports resolve. The caller removes it. */
export async function makeFolder(name: string): Promise<string> {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const folder = await mkdtemp(join(root, `.tmp/${name}-`))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  return folder
}

/** Compiles all files of a folder together. Returns the compiler's errors, or `''`. */
export async function compile(folder: string): Promise<string> {
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      isolatedDeclarations: false,
      allowJs: true,
      checkJs: true,
      jsx: 'react-jsx',
      lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      types: ['node'],
    },
    include: ['.'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  try {
    return (await promisify(execFile)(process.execPath, [tsc, '-p', '.'], { cwd: folder })).stdout
  } catch (error) {
    // On errors in the code, the exit code is not 0. Any other failure has no output.
    const { stdout } = error as { stdout?: string }
    if (!stdout) throw error
    return stdout
  }
}
