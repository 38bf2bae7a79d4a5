import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultLabels, type IndicatorLabels, idleState, viewIndicator } from '@rivulet/client/binding'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from '../test-support/chromium.js'
import { root } from '../test-support/root.js'

/** Other systems have it. On Linux, this font has the same widths. */
const hasArial =
  process.platform !== 'linux' || existsSync('/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf')

const gap = { type: 'rivulet:gap', reason: 'lagged' } as const
const states = {
  connecting: { status: 'connecting' },
  open: { status: 'open' },
  gap: { status: 'open', gap },
  waiting: { status: 'waiting', attempt: 1 },
  offline: { status: 'connecting', online: false },
  closed: { status: 'closed' },
} as const

/** Labels as long as those of other languages. */
const longLabels: Partial<IndicatorLabels> = {
  connecting: 'Verbindung wird aufgebaut',
  reconnecting: 'Verbindung wird wiederhergestellt',
  gap: 'Verbunden, einige Ereignisse fehlen',
  retry: 'Jetzt versuchen',
  dismiss: 'Verstanden',
}

/** An indicator in each state, as both bindings render it. */
function render(labels?: Partial<IndicatorLabels>): string {
  const indicators = Object.entries(states).map(([name, { status, ...rest }]) => {
    const { online = true, ...more } = { online: true, ...rest }
    const connection = { ...idleState, status, ...more }
    const view = viewIndicator({ connection, online, seenGap: undefined, seconds: 12 }, labels)
    const button = (label?: string) =>
      label && `<button type="button" class="rivulet-indicator__button">${label}</button>`
    const countdown = view.countdown && `<span class="rivulet-indicator__countdown">${view.countdown}</span>`
    const parts = [countdown, button(view.dismiss), button(view.retry)].filter(Boolean).join('')
    return `<p><span id="${name}" class="${view.classNames.join(' ')}"><span class="rivulet-indicator__text">${view.text}</span>${parts}</span></p>`
  })
  return indicators.join('')
}

/** Contrast of two colors, as defined by WCAG 2. */
function contrast(a: number[], b: number[]): number {
  const luminance = (color: number[]) => {
    const [red, green, blue] = color.map((part) =>
      part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
  }
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light! + 0.05) / (dark! + 0.05)
}

const parse = (color: string) =>
  color
    .match(/[\d.]+/g)!
    .slice(0, 3)
    .map(Number)

describe.skipIf(!hasChromium)('the appearance of the indicator', () => {
  let browser: Browser
  let page: Page
  let css: string

  beforeAll(async () => {
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 1_000, height: 400 } })
    css = await readFile(join(root, 'packages/client/src/binding/indicator.css'), 'utf8')
  })

  afterAll(() => browser.close())

  async function show(style: string, labels?: Partial<IndicatorLabels>): Promise<void> {
    const html = `<!doctype html><style>body { font: 14px Arial, sans-serif; margin: 16px } ${style} ${css}</style>${render(labels)}`
    await page.setContent(html)
  }

  const measure = () =>
    page.evaluate((names) => {
      return names.map((name) => {
        const element = document.getElementById(name)!
        const dot = getComputedStyle(element, '::before')
        const { borderTopColor, borderTopWidth, borderTopLeftRadius, transform, width, height } = dot
        return {
          dot: [width, height],
          text: getComputedStyle(element).color,
          height: element.offsetHeight,
          overflow: element.scrollWidth - element.clientWidth,
          right: element.getBoundingClientRect().right,
          color: borderTopColor,
          shape: `${borderTopWidth} ${borderTopLeftRadius} ${transform}`,
        }
      })
    }, Object.keys(states))

  it.each([
    ['a light page', 'html { color-scheme: light }', [255, 255, 255]],
    ['a dark page', 'html { color-scheme: dark } body { background: #121212; color: #eee }', [18, 18, 18]],
    ['a page that is dark and does not say so', 'body { background: #1e293b; color: #eee }', [30, 41, 59]],
  ])('contrasts with %s by at least 3 to 1 in every dot, 4.5 to 1 in every text', async (_, style, background) => {
    await show(style)
    const measured = await measure()
    const contrasts = measured.map(({ color }) => contrast(parse(color), background))
    expect(Math.min(...contrasts)).toBeGreaterThanOrEqual(3)
    const ofTexts = measured.map(({ text }) => contrast(parse(text), background))
    expect(Math.min(...ofTexts)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(['12px', '14px', '20px', '32px'])('has one height in all states at %s', async (size) => {
    await show(`body { font-size: ${size} !important }`)
    const heights = (await measure()).map(({ height }) => height)
    expect(new Set(heights).size).toBe(1)
  })

  it.skipIf(!hasArial).each([240, 280, 320])('has one line in all states in a container of %i px', async (width) => {
    await show('')
    const expected = (await measure()).map(({ height }) => height)
    await show(`body { width: ${width}px }`)
    expect((await measure()).map(({ height }) => height)).toEqual(expected)
  })

  it.each([140, 160, 200, 240, 280, 320])('breaks long labels in a container of %i px', async (width) => {
    await show(`body { width: ${width}px }`, longLabels)
    for (const { overflow, right } of await measure()) {
      expect(overflow).toBe(0)
      expect(right).toBeLessThanOrEqual(16 + width)
    }
  })

  it.each([
    ['12px', '8px'],
    ['14px', '8px'],
    ['16px', '10px'],
    ['20px', '12px'],
  ])('has dots of one whole size at %s', async (fontSize, dot) => {
    await show(`body { font-size: ${fontSize} !important }`)
    for (const measured of await measure()) expect(measured.dot).toEqual([dot, dot])
  })

  it('keeps its shapes with forced colors', async () => {
    await page.emulateMedia({ forcedColors: 'active' })
    await show('')
    const [connecting, open, missed, waiting, offline, closed] = (await measure()).map(({ shape }) => shape)
    expect(new Set([connecting, open, missed, closed]).size).toBe(4)
    expect([waiting, offline]).toEqual([connecting, closed])
    await page.emulateMedia({ forcedColors: null })
  })

  it('has a different text for each state', () => {
    const { countdown, retry, dismiss, ...texts } = defaultLabels
    expect(new Set(Object.values(texts)).size).toBe(Object.keys(texts).length)
  })
})
