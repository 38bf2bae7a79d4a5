import { Converter, ReflectionKind } from 'typedoc'

/** A TypeDoc plugin that names entry points as users import them (`@rivulet/server/node`), not by their path. */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = `@rivulet/${module.name.replace('/src', '')}`
    }
  })
}
