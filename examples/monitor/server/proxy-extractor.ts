import * as cheerio from 'cheerio'
import { proxyAddress } from './proxy-address.js'

/** `ip:port` on one line, also with blanks, a comma or a semicolon in between, but not as part of a longer run of digits. */
const pair = /(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?:[ \t]*[:;,][ \t]*|[ \t]+)(\d{1,5})(?![\d.]*\d)/g
const host = /^\d{1,3}(?:\.\d{1,3}){3}$/

/**
 * Reads the proxies of a page: HTML tables (address and port in one cell or two), any text, or JSON (strings, or
 * objects with an address and a port). Returns valid ones only, each once, in the page's order.
 *
 * @param contentType The response's `Content-Type`. If it does not help, the body's first character decides.
 */
export function extractProxies(body: string, contentType = ''): string[] {
  return [...new Set(read(body, contentType))]
}

function read(body: string, contentType: string): string[] {
  const start = body.trimStart()[0]
  if (/json/i.test(contentType) || start === '{' || start === '[') return fromJson(body)
  if (/html|xml/i.test(contentType) || start === '<') return fromHtml(body)
  return fromText(body)
}

function fromText(text: string): string[] {
  const found: string[] = []
  for (const [, address, port] of text.matchAll(pair)) keep(found, address!, port!)
  return found
}

function fromHtml(html: string): string[] {
  const $ = cheerio.load(html)
  const found: string[] = []
  for (const table of $('table').toArray()) {
    const titles = cells($, $(table).find('tr').first()).map((title) => title.toLowerCase())
    const portColumn = titles.findIndex((title) => title.includes('port') && !title.includes('support'))
    for (const row of $(table).find('tr').toArray()) found.push(...fromRow(cells($, $(row)), portColumn))
  }
  $('table, script, style, template').remove()
  // `text()` puts no blank between adjacent blocks: two addresses would run together.
  $('br').replaceWith('\n')
  $('p, li, div, pre, dd, dt').append('\n')
  found.push(...fromText($.root().text()))
  return found
}

function cells($: cheerio.CheerioAPI, row: ReturnType<cheerio.CheerioAPI>): string[] {
  return row
    .children('td, th')
    .toArray()
    .map((cell) => $(cell).text().trim())
}

/** The port is in the column with that title or, without such a title, in the next cell. */
function fromRow(row: string[], portColumn: number): string[] {
  const found: string[] = []
  row.forEach((cell, column) => {
    if (!host.test(cell)) found.push(...fromText(cell))
    else keep(found, cell, row[portColumn >= 0 ? portColumn : column + 1] ?? '')
  })
  return found
}

/** Uses a list instead of recursion, because the page chooses the depth of nesting. */
function fromJson(json: string): string[] {
  const found: string[] = []
  const open: unknown[] = [JSON.parse(json)]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value === 'string') found.push(...fromText(value))
    if (typeof value !== 'object' || value === null) continue
    const fields = value as Record<string, unknown>
    const address = fields.ip ?? fields.host ?? fields.address
    if (typeof address === 'string' && (typeof fields.port === 'string' || typeof fields.port === 'number')) {
      keep(found, address, fields.port)
    }
    open.push(...Object.values(fields).reverse())
  }
  return found
}

function keep(found: string[], address: string, port: string | number): void {
  const proxy = proxyAddress(address, port)
  if (proxy !== undefined) found.push(proxy)
}
