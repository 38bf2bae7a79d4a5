import { BlockList, isIPv4 } from 'node:net'

/**
 * Addresses that no proxy on the public internet has: this host, private and shared networks, link-local, multicast and
 * reserved ones. The documentation ranges (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24) pass on purpose: the demo
 * sources list them, because they belong to nobody's machine.
 */
const unusable = new BlockList()
unusable.addSubnet('0.0.0.0', 8)
unusable.addSubnet('10.0.0.0', 8)
unusable.addSubnet('100.64.0.0', 10)
unusable.addSubnet('127.0.0.0', 8)
unusable.addSubnet('169.254.0.0', 16)
unusable.addSubnet('172.16.0.0', 12)
unusable.addSubnet('192.168.0.0', 16)
unusable.addSubnet('224.0.0.0', 3)

/**
 * Returns the canonical `ip:port` of a proxy, or `undefined` for octets above 255 or with a leading zero (which
 * some resolvers read as octal), a port outside 1-65535, or an address that is unusable from here.
 */
export function proxyAddress(host: string, port: string | number): string | undefined {
  const number = Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65_535) return undefined
  if (!isIPv4(host) || unusable.check(host)) return undefined
  return `${host}:${number}`
}
