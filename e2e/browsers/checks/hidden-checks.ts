import { expect } from 'vitest'
import { type Check, type CheckGroup, until } from '../check.js'

function hiddenTab(name: string, path: string): Check {
  return {
    name: `${name}: a hidden tab handles every event, and shows the last one when it becomes visible`,
    async run({ engine, site, open }) {
      const server = await site()
      const tab = await open(server.origin + path)
      await expect.poll(() => server.manager.connections.size).toBe(1)
      const front = await open(`${server.origin}/blank`)
      // Windows of WebKit's driver report that they are visible, but are not drawn.
      if (engine !== 'WebKit') await until(tab, () => document.hidden)
      server.publish(500)
      await until(tab, () => window.shown.handled === 500)
      await front.close()
      await until(tab, () => document.body.textContent === '500')
    },
  }
}

export const hiddenChecks: CheckGroup = {
  name: 'Hidden tabs',
  checks: [hiddenTab('React', '/react'), hiddenTab('Vue', '/vue')],
}
