/** `false` in the production build, which thereby drops the texts of errors: see tsup.preset.ts. */
export const development: boolean = true
