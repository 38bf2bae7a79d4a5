/** Imported for its side effect only. */
export {}
