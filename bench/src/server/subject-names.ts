export const subjects = ['rivulet', 'better-sse', 'sse-channel', 'floor', 'naive'] as const
export type SubjectName = (typeof subjects)[number]
