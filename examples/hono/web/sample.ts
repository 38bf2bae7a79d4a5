const given = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken', 'Margaret', 'Tony']
const family = ['Lovelace', 'Hopper', 'Turing', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Thompson', 'Hamilton', 'Hoare']

/** A file to try the import with: most rows are valid, and there is one of each invalid kind. */
export function sampleCsv(rows = 200): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const first = given[index % given.length]!
    const last = family[Math.floor(index / given.length) % family.length]!
    const email = `${first}.${last}${index}@example.com`.toLowerCase()
    if (index % 40 === 7) return `${first.toLowerCase()} at example.com,${first} ${last},correct horse`
    if (index % 40 === 17) return `${email},,correct horse`
    if (index % 40 === 27) return `${email},${first} ${last},short`
    return `${email},"${last}, ${first}",correct horse ${index}`
  })
  // A duplicate.
  lines.push(lines[0]!)
  return ['email,name,password', ...lines].join('\n')
}
