import { expect } from 'vitest'
import type { EngineName, Tab } from '../../../test-support/browsers/driver.js'
import { processOf } from '../../../test-support/browsers/tab-process.js'
import {
  type Check,
  type CheckGroup,
  expectAll,
  hadOf,
  keepPublishing,
  type Lab,
  numbers,
  openStream,
  until,
} from '../check.js'
import type { Site } from '../site.js'

const settings = { url: '/events', shared: { key: 'ada' } }

async function openTabs({ open }: Lab, server: Site, count: number): Promise<Tab[]> {
  const tabs: Tab[] = []
  while (tabs.length < count) {
    const tab = await open(server.origin)
    await openStream(tab, settings)
    tabs.push(tab)
  }
  return tabs
}

/** Expects all numbers since its first in every tab, once and in order, and then the next ones. */
async function expectComplete(tabs: readonly Tab[], server: Site): Promise<void> {
  server.publish(1)
  for (const tab of tabs) {
    await until(tab, (last) => window.lab.streams.at(-1)!.had.received.at(-1) === last, server.published)
    const { received, gaps } = await hadOf(tab)
    expect(received).toEqual(numbers(received[0]!, server.published))
    expect(gaps).toEqual([])
  }
}

const receivedMore = async (tabs: readonly Tab[], count: number) => {
  for (const tab of tabs) {
    const had = await tab.evaluate(() => window.lab.streams.at(-1)!.had.received.length)
    await until(tab, (more) => window.lab.streams.at(-1)!.had.received.length > more, had + count)
  }
}

/** Ends the leading tab while events arrive, and expects the others to continue. */
function whenLeader(
  does: string,
  act: (lab: Lab, leader: Tab) => Promise<unknown>,
  { quick = false, exceptions }: { quick?: boolean; exceptions?: Partial<Record<EngineName, string>> } = {},
): Check {
  return {
    name: `tabs that share a connection continue when the leading tab ${does}`,
    quick,
    ...(exceptions && { exceptions }),
    async run(lab) {
      const server = await lab.site()
      const [leader, ...others] = (await openTabs(lab, server, 3)) as [Tab, ...Tab[]]
      const stop = keepPublishing(server)
      try {
        await receivedMore(others, 5)
        await act(lab, leader)
        await receivedMore(others, 50)
      } finally {
        stop()
      }
      await expectComplete(others, server)
      expect(server.manager.connections.size).toBe(1)
    },
  }
}

/** Stops the leading tab for a while, and expects the others to continue and the tab to miss nothing. */
function whilePaused(
  does: string,
  prepare: (lab: Lab, leader: Tab) => Promise<{ pause(): unknown; wake(): unknown }>,
  exceptions?: Check['exceptions'],
): Check {
  return {
    name: `tabs that share a connection continue while the leading tab ${does}, and it misses nothing`,
    ...(exceptions && { exceptions }),
    async run(lab) {
      const server = await lab.site()
      const [leader, ...others] = (await openTabs(lab, server, 3)) as [Tab, ...Tab[]]
      const { pause, wake } = await prepare(lab, leader)
      const stop = keepPublishing(server)
      try {
        await pause()
        await receivedMore(others, 100)
      } finally {
        await wake()
        stop()
      }
      await expectComplete([leader, ...others], server)
      await expect.poll(() => server.manager.connections.size).toBe(1)
    },
  }
}

export const sharedChecks: CheckGroup = {
  name: 'Shared connections',
  checks: [
    {
      name: 'eight tabs share one HTTP/1.1 connection, and other requests get through',
      async run(lab) {
        const server = await lab.site()
        const tabs = await openTabs(lab, server, 8)
        server.publish(20)
        await expectComplete(tabs, server)
        expect(server.manager.connections.size).toBe(1)
        expect(await tabs[7]!.evaluate(async () => (await fetch('/blank')).status)).toBe(200)
      },
    },
    whenLeader('is closed', (_, leader) => leader.close(), { quick: true }),
    whenLeader('navigates away', (_, leader) => leader.goto('about:blank')),
    whenLeader('crashes', async ({ browser }, leader) => process.kill(await processOf(browser, leader), 'SIGKILL'), {
      exceptions: {
        WebKit:
          'WebKit’s driver ends the whole browser when a page crashes. A stopped page looks the same to the other tabs.',
      },
    }),
    whilePaused(
      'is frozen',
      async (_, leader) => ({
        pause: () => leader.setFrozen!(true),
        wake: () => leader.setFrozen!(false),
      }),
      {
        Firefox: 'Firefox freezes no tabs.',
        WebKit: 'WebKit’s driver cannot freeze a tab. A stopped tab has the same effect on the others.',
      },
    ),
    whilePaused('is stopped', async ({ browser }, leader) => {
      const pid = await processOf(browser, leader)
      return { pause: () => process.kill(pid, 'SIGSTOP'), wake: () => process.kill(pid, 'SIGCONT') }
    }),
    {
      name: 'each origin has its own connection',
      async run(lab) {
        const server = await lab.site()
        const other = await lab.site()
        const tabs = await openTabs(lab, server, 2)
        const otherTabs = await openTabs(lab, other, 2)
        server.publish(10)
        other.publish(20)
        for (const tab of tabs) await expectAll(tab, server)
        for (const tab of otherTabs) await expectAll(tab, other)
        expect([server, other].map(({ manager }) => manager.connections.size)).toEqual([1, 1])
      },
    },
    {
      name: 'a sandboxed page, which may not store anything, has its own connection',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(`${server.origin}/frame`)
        await expect.poll(() => server.manager.connections.size).toBe(1)
        server.publish(10)
        await until(tab, () => document.title === 'received 10')
      },
    },
    {
      name: 'a page that the browser forbids to store anything has its own connection',
      exceptions: {
        WebKit: 'MiniBrowser has no such setting. The sandboxed page above meets the same errors.',
      },
      async run({ site, launch }) {
        const server = await site()
        const browser = await launch({ blockStorage: true })
        const tab = await browser.open(server.origin)
        await openStream(tab, { ...settings, persist: true } as never)
        server.publish(10)
        await expectAll(tab, server)
      },
    },
  ],
}
