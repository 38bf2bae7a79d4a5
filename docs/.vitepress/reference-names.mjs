import { Converter, ReflectionKind } from 'typedoc'

/** A plugin of TypeDoc: entry points are called what one imports, `@rivulet/server/node`, instead of where they lie. */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = `@rivulet/${module.name.replace('/src', '')}`
    }
  })
}
