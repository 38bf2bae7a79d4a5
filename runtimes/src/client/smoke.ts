import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

const events = defineEvents({ tick: z.object({ n: z.number() }) })

/** Report of the client, for the test to compare. */
export interface Report {
  readonly received: number[]
  readonly statuses: string[]
  readonly gaps: number
  readonly recovered: boolean | null | undefined
}

/**
 * Follows the stream through all cuts up to an event, and closes it. The header and the credentials make a
 * browser send a preflight request to another origin.
 */
export function follow(url: string, last: number): Promise<Report> {
  return new Promise((resolve, reject) => {
    const received: number[] = []
    const statuses: string[] = []
    let gaps = 0
    const stream = new EventStreamService({ url, events, headers: { 'X-Smoke': 'yes' }, credentials: 'include' })
    stream.onStatusChange(({ status }, before) => {
      if (status !== before.status) statuses.push(status)
    })
    stream.onGap(() => gaps++)
    stream.on('tick', ({ n }) => {
      received.push(n)
      if (n < last) return
      const { recovered } = stream.state
      stream.close()
      resolve({ received, statuses, gaps, recovered })
    })
    stream.onError((error) => {
      if (stream.status === 'closed') reject(error)
    })
    stream.connect()
  })
}
