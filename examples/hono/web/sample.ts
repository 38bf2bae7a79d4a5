import type { ChosenFile } from './use-imports.ts'

const given = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken', 'Margaret', 'Tony']
const family = ['Lovelace', 'Hopper', 'Turing', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Thompson', 'Hamilton', 'Hoare']

/** A file to try the import with: most rows are valid, there are some of each invalid kind, and no two files share an account. */
export function sampleFile(rows = 200): ChosenFile {
  const host = `${crypto.randomUUID().slice(0, 8)}.example.com`
  const lines = Array.from({ length: rows }, (_, index) => {
    const first = given[index % given.length]!
    const last = family[Math.floor(index / given.length) % family.length]!
    const email = `${first}.${last}${index}@${host}`.toLowerCase()
    if (index % 40 === 7) return `${first.toLowerCase()} at ${host},${first} ${last},correct horse`
    if (index % 40 === 17) return `${email},,correct horse`
    if (index % 40 === 27) return `${email},${first} ${last},short`
    return `${email},"${last}, ${first}",correct horse ${index}`
  })
  // A duplicate.
  lines.push(lines[0]!)
  return { name: 'sample.csv', csv: ['email,name,password', ...lines].join('\n') }
}
