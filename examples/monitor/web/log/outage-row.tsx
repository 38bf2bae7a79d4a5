import type { ReactElement, Ref } from 'react'
import { describeOutage } from '../connection/describe-outage.js'
import type { Outage } from '../connection/outages.js'
import { Icon } from '../icons.js'

export interface OutageRowProps {
  outage: Outage
  /** Number of the row among all rows, from zero. */
  index: number
  /** Gets the row's element, to measure it. */
  ref: Ref<HTMLDivElement>
}

/** An interruption of the stream, between the lines before and after. */
export function OutageRow({ outage, index, ref }: OutageRowProps): ReactElement {
  const state = outage.complete ? 'complete' : outage.backAt === undefined ? 'lasting' : 'gap'
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: disabled, and the list has the focus
    <div
      ref={ref}
      data-index={index}
      role="option"
      aria-selected={false}
      aria-disabled="true"
      className={`outage-row outage-row--${state}`}
      data-testid="outage-row"
    >
      <Icon name={outage.complete ? 'check' : 'unplug'} />
      <span className="outage-row__text">{describeOutage(outage)}</span>
    </div>
  )
}
