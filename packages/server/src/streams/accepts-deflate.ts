/** Tells if an `Accept-Encoding` header (RFC 9110, 12.5.3) names `deflate` without a weight of zero. */
export function acceptsDeflate(header: string | undefined): boolean {
  if (!header) return false
  return header.split(',').some((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    return name === 'deflate' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
  })
}
