import type { Engine } from '../../test-support/browsers/driver.js'
import { chromiumEngine, firefoxEngine } from '../../test-support/browsers/puppeteer-engine.js'
import { webkitEngine } from '../../test-support/browsers/webkit-engine.js'
import type { Check, CheckGroup } from './check.js'
import { hiddenChecks } from './checks/hidden-checks.js'
import { pageChecks } from './checks/page-checks.js'
import { requestChecks } from './checks/request-checks.js'
import { sharedChecks } from './checks/shared-checks.js'

export const engines: readonly Engine[] = [chromiumEngine, firefoxEngine, webkitEngine]

export const groups: readonly CheckGroup[] = [requestChecks, pageChecks, sharedChecks, hiddenChecks]

/** Each check with its unique name in tests and results. */
export const allChecks: readonly (Check & { readonly id: string })[] = groups.flatMap(({ name: group, checks }) =>
  checks.map((check) => ({ ...check, id: `${group}: ${check.name}` })),
)
