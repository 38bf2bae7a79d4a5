import type { ReactElement } from 'react'
import { describeOutage } from '../connection/describe-outage.js'
import type { Outage } from '../connection/outages.js'
import { Icon } from '../icons.js'

/** An interruption of the stream, between the lines before and after. */
export function OutageRow({ outage }: { outage: Outage }): ReactElement {
  const state = outage.complete ? 'complete' : outage.backAt === undefined ? 'lasting' : 'gap'
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: disabled, and the list has the focus
    <div
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
