import { number, printTable } from './table.js'

/** One line of the budget: a measurement against its limit. */
export interface Budget {
  readonly what: string
  readonly value: number
  readonly limit: number
  /** Says whether the value must stay below the limit or reach it. */
  readonly is: 'at most' | 'at least'
  readonly unit: string
  readonly met: boolean
}

export function atMost(what: string, value: number, limit: number, unit: string): Budget {
  return { what, value, limit, is: 'at most', unit, met: value <= limit }
}

export function atLeast(what: string, value: number, limit: number, unit: string): Budget {
  return { what, value, limit, is: 'at least', unit, met: value >= limit }
}

export function printBudgets(budgets: readonly Budget[]): void {
  printTable(
    'Budget',
    ['', 'measured', 'must reach', ''],
    budgets.map(({ what, value, limit, is, unit, met }) => [
      what,
      number(value),
      `${is === 'at most' ? '≤' : '≥'} ${number(limit)} ${unit}`,
      met ? 'met' : 'MISSED',
    ]),
  )
}
