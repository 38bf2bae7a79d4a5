import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const axe = fileURLToPath(import.meta.resolve('axe-core'))

interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
}

/** Views in which a page must look right: both themes, on a desktop and a phone. */
export const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1280, 390].map((width) => ({ colorScheme, width })),
)

/** Returns the violations that axe-core finds on the page, and the pixels by which it overflows its width. */
export async function faultsOf(page: Page): Promise<{ violations: string[]; overflowPx: number }> {
  await page.addScriptTag({ path: axe })
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: Axe }).axe.run()
    const { scrollWidth, clientWidth } = document.documentElement
    return {
      violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
      overflowPx: scrollWidth - clientWidth,
    }
  })
}

export const faultless = { violations: [], overflowPx: 0 }
