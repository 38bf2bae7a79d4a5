/** Options of a hook or composable that shows a part of what it could show. */
export interface SelectOptions<View, Selected> {
  /** Chooses what to show, as a pure function. It may change with each render. */
  select: (view: View) => Selected
  /** Compares two selections. The component renders only when they differ. @default Object.is */
  equal?: ((a: Selected, b: Selected) => boolean) | undefined
}

/** The selection that a component shows. Without `select`, it shows everything. */
export class Selection<View, Selected> {
  #options: SelectOptions<View, Selected> | undefined
  #kept: { readonly selected: Selected } | undefined

  /** Selects from a view. Returns the selection that was kept if it is equal. */
  of(view: View, { select, equal = Object.is }: SelectOptions<View, Selected>): Selected {
    const selected = select(view)
    return this.#kept && equal(this.#kept.selected, selected) ? this.#kept.selected : selected
  }

  /** Keeps the selection that is shown, and how it was selected. Call it when the page has changed. */
  keep(selected: Selected, options: SelectOptions<View, Selected> | undefined): void {
    this.#kept = { selected }
    this.#options = options
  }

  /** Tells whether a view must be rendered. If `select` throws, it must: the render throws the error again. */
  isNew(view: View): boolean {
    if (!this.#options || !this.#kept) return true
    try {
      return !Object.is(this.of(view, this.#options), this.#kept.selected)
    } catch {
      return true
    }
  }
}
