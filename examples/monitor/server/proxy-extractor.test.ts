import { describe, expect, it } from 'vitest'
import { proxyAddress } from './proxy-address.js'
import { extractProxies } from './proxy-extractor.js'

describe('proxyAddress', () => {
  it.each([
    ['203.0.113.7', '8080', '203.0.113.7:8080'],
    ['203.0.113.7', 1, '203.0.113.7:1'],
    ['255.255.255.255', 80, undefined],
    ['223.255.255.255', 65_535, '223.255.255.255:65535'],
    ['203.0.113.7', '08080', '203.0.113.7:8080'],
  ])('%s %s → %s', (host, port, expected) => {
    expect(proxyAddress(host, port)).toBe(expected)
  })

  it.each([
    ['octet above 255', '203.0.113.256', 80],
    ['octet with a leading zero', '203.0.113.07', 80],
    ['too few octets', '203.0.113', 80],
    ['port 0', '203.0.113.7', 0],
    ['port above 65535', '203.0.113.7', 65_536],
    ['port not whole', '203.0.113.7', 80.5],
    ['no port', '203.0.113.7', ''],
    ['this network', '0.1.2.3', 80],
    ['private 10/8', '10.255.0.1', 80],
    ['private 172.16/12', '172.31.255.255', 80],
    ['private 192.168/16', '192.168.0.1', 80],
    ['shared 100.64/10', '100.127.0.1', 80],
    ['loopback', '127.0.0.1', 80],
    ['link-local', '169.254.1.1', 80],
    ['multicast', '224.0.0.1', 80],
  ])('refuses: %s', (_, host, port) => {
    expect(proxyAddress(host, port)).toBeUndefined()
  })

  it('accepts the neighbours of the private ranges', () => {
    for (const host of ['11.0.0.1', '172.15.0.1', '172.32.0.1', '192.167.0.1', '100.63.0.1', '100.128.0.1']) {
      expect(proxyAddress(host, 80)).toBe(`${host}:80`)
    }
  })
})

describe('extractProxies', () => {
  it('reads a text list, whatever surrounds the addresses', () => {
    const text = [
      '# updated today',
      '203.0.113.1:8080',
      'http://203.0.113.2:3128  elite',
      '203.0.113.3\t1080',
      '203.0.113.4 ; 80',
      'user:secret@203.0.113.5:9050',
    ].join('\r\n')
    expect(extractProxies(text, 'text/plain; charset=utf-8')).toEqual([
      '203.0.113.1:8080',
      '203.0.113.2:3128',
      '203.0.113.3:1080',
      '203.0.113.4:80',
      '203.0.113.5:9050',
    ])
  })

  it('does not cut a proxy out of a longer number', () => {
    expect(extractProxies('1203.0.113.1:80 · 9.203.0.113.1:80 · 203.0.113.1:808080 · 203.0.113.1:80.5')).toEqual([])
  })

  it('does not mistake the next line for a port', () => {
    expect(extractProxies('203.0.113.1\n80 days left')).toEqual([])
  })

  it('keeps each address once, in the order of the page', () => {
    expect(extractProxies('203.0.113.9:80 203.0.113.1:80 203.0.113.9:80 203.0.113.9:81')).toEqual([
      '203.0.113.9:80',
      '203.0.113.1:80',
      '203.0.113.9:81',
    ])
  })

  it('reads a table with the port in its own column', () => {
    const html = `<table>
      <thead><tr><th>IP Address</th><th>Country</th><th>Port</th><th>Supports HTTPS</th></tr></thead>
      <tbody>
        <tr><td> 203.0.113.1 </td><td>X</td><td>8080</td><td>1</td></tr>
        <tr><td><a href="/x">203.0.113.2</a></td><td>X</td><td><b>3128</b></td><td>0</td></tr>
        <tr><td>10.0.0.1</td><td>X</td><td>80</td><td>1</td></tr>
        <tr><td colspan="4">advertisement</td></tr>
      </tbody></table>`
    expect(extractProxies(html, 'text/html')).toEqual(['203.0.113.1:8080', '203.0.113.2:3128'])
  })

  it('reads a table without titles, and cells that contain both', () => {
    const html =
      '<table><tr><td>203.0.113.1</td><td>80</td></tr><tr><td>-</td><td>203.0.113.2:81</td></tr><tr><td>203.0.113.3</td></tr></table>'
    expect(extractProxies(html, 'text/html')).toEqual(['203.0.113.1:80', '203.0.113.2:81'])
  })

  it('reads the text beside tables, separates blocks, and omits scripts', () => {
    const html =
      '<div>203.0.113.1:80</div><div>203.0.113.2:80<br>203.0.113.3:80</div><ul><li>203.0.113.4:80<li>203.0.113.5:80</ul><script>"203.0.113.6:80"</script>'
    expect(extractProxies(html)).toEqual([
      '203.0.113.1:80',
      '203.0.113.2:80',
      '203.0.113.3:80',
      '203.0.113.4:80',
      '203.0.113.5:80',
    ])
  })

  it('reads JSON: strings and objects at any depth, ports as numbers or strings', () => {
    const json = JSON.stringify({
      data: [
        { ip: '203.0.113.1', port: 8080 },
        { host: '203.0.113.2', port: '3128', tags: ['203.0.113.3:1080'] },
        { address: '192.168.1.1', port: 80 },
        { ip: '203.0.113.4' },
      ],
    })
    const expected = ['203.0.113.1:8080', '203.0.113.2:3128', '203.0.113.3:1080']
    expect(extractProxies(json, 'application/json')).toEqual(expected)
    expect(extractProxies(json)).toEqual(expected)
  })

  it('survives deeply nested JSON', () => {
    const json = `${'['.repeat(5_000)}"203.0.113.1:80"${']'.repeat(5_000)}`
    expect(extractProxies(json, 'application/json')).toEqual(['203.0.113.1:80'])
  })

  it('reports broken JSON instead of finding nothing', () => {
    expect(() => extractProxies('{"ip": ', 'application/json')).toThrow(SyntaxError)
  })
})
