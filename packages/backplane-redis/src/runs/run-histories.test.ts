import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { promote } from '../../test/promote.js'
import { type RunFault, RunHistory } from '../../test/run-history.js'

/** `npm run test:long` asks for many more, and for the faults of Redis itself. */
const isLong = process.env.RIVULET_SEEDS !== undefined
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)

const sure = { persistent: 'always', afterRestart: 'trust', maxBytes: 100_000_000 } as const

const faults: Record<string, RunFault> = {
  'nodes and readers alone': sure,
  'runs keep less than they have': { ...sure, maxBytes: 400_000 },
  'Redis is killed and comes back with its data, or stands still': {
    ...sure,
    async strike({ redis, random }) {
      if (random() < 0.5) {
        await redis.kill()
        await sleep(random() * 200)
        await redis.start()
      } else {
        redis.signal('SIGSTOP')
        await sleep(random() * 1_500)
        redis.signal('SIGCONT')
      }
    },
  },
  'a replica that lags behind is promoted': {
    ...sure,
    persistent: undefined,
    afterRestart: 'gap',
    async lose(history) {
      const ways = history.nodes.map(({ toRedis }) => toRedis)
      history.redis = await promote(history.redis, ways, history.random() * 200)
    },
  },
}

const played = isLong ? Object.entries(faults) : Object.entries(faults).slice(0, 1)

/**
 * Readers come at any moment, reload, lag and change node; runs are stopped from any node, and started twice at once;
 * producers end, fail, hang, ignore their signal, die with their node, and stand still beyond their lease and wake; nodes lose
 * their way to Redis.
 */
describe.concurrent.each(played)('runs keep their promises: %s', (_, fault) => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    it(`seed ${seed}`, { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
      const history = await RunHistory.start(fault, seed)
      onTestFinished(() => history.dispose())
      await history.play()
      expect(await history.check()).toEqual([])
    })
  }
})
