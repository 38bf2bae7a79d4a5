import type { GapReason } from '@rivulet/core'

/** A time without the stream, or a place where events are missing from the page. */
export interface Outage {
  readonly kind: 'outage'
  readonly key: string
  /** The last event before the outage, which places it among the events. */
  readonly afterId: string
  readonly lostAt: number
  /** `undefined` during the outage. */
  readonly backAt: number | undefined
  /** `true` if every event published during the outage has arrived. `undefined` during the outage. */
  readonly complete: boolean | undefined
  readonly reason: GapReason | undefined
}

export type OutageAction = { readonly afterId: string; readonly at: number } & (
  | { readonly type: 'lost' }
  | { readonly type: 'back'; readonly complete: boolean }
  | { readonly type: 'gap'; readonly reason: GapReason }
)

/** Number of outages that the page keeps; it drops the oldest. */
const limit = 50

export function outagesReducer(outages: readonly Outage[], action: OutageAction): readonly Outage[] {
  const last = outages.at(-1)
  const { afterId, at } = action
  switch (action.type) {
    case 'lost':
      return last && last.backAt === undefined ? outages : add(outages, action, {})
    case 'back':
      if (!last || last.backAt !== undefined) return outages
      return replaceLast(outages, { ...last, afterId, backAt: at, complete: action.complete && !last.reason })
    case 'gap': {
      const { reason } = action
      if (last && explains(last, afterId)) {
        return replaceLast(outages, {
          ...last,
          afterId,
          complete: last.backAt === undefined ? undefined : false,
          reason: last.reason ?? reason,
        })
      }
      return add(outages, action, { backAt: at, complete: false, reason })
    }
  }
}

/** When a stream opens, the server announces its gaps, one per channel. They belong to the outage that has just ended. */
function explains({ backAt, complete, reason, afterId }: Outage, gapAfterId: string): boolean {
  return backAt === undefined || afterId === gapAfterId || (complete === false && reason === undefined)
}

function replaceLast(outages: readonly Outage[], outage: Outage): readonly Outage[] {
  return [...outages.slice(0, -1), outage]
}

function add(
  outages: readonly Outage[],
  { afterId, at }: { afterId: string; at: number },
  end: Partial<Outage>,
): readonly Outage[] {
  const outage: Outage = {
    kind: 'outage',
    key: `outage-${at}-${afterId}`,
    afterId,
    lostAt: at,
    backAt: undefined,
    complete: undefined,
    reason: undefined,
    ...end,
  }
  return [...outages.slice(1 - limit), outage]
}
