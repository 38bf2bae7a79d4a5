import { Converter, ReflectionKind } from 'typedoc'
import ts from 'typescript'

/**
 * A TypeDoc plugin that names entry points as users import them (`@rivulet/server/node`), not by their path, and keeps the
 * names of errors in `@throws {ConfigurationError}`, which TypeDoc drops.
 */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = `@rivulet/${module.name.replace('/src', '')}`
    }
  })
  converter.on(Converter.EVENT_CREATE_SIGNATURE, (context, { comment, parent }, declaration) => {
    // Overloads share the comment of the first one.
    nameErrors(comment, [declaration, ...(context.getSymbolFromReflection(parent)?.declarations ?? [])])
  })
  converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    nameErrors(reflection.comment, context.getSymbolFromReflection(reflection)?.declarations ?? [])
  })
}

function nameErrors(comment, declarations) {
  if (!comment) return
  const throws = declarations.filter(Boolean).map((node) => ts.getJSDocTags(node).filter(ts.isJSDocThrowsTag))
  const types = throws.find((tags) => tags.length > 0)?.map(({ typeExpression }) => typeExpression?.getText())
  for (const [index, tag] of comment.getTags('@throws').entries()) {
    const type = types?.[index]
    const rest = tag.content.flatMap((part) => (part.kind === 'text' ? markErrors(part.text) : [part]))
    const separator = !type || /^[,.:;]/.test(rest[0]?.text ?? '') ? '' : ' '
    tag.content = [...markErrors(type ?? ''), ...markErrors(separator), ...rest]
  }
}

/** Splits a text at errors in braces, and shows these as code. */
function markErrors(text) {
  return text
    .split(/\{(\w+)\}/)
    .map((part, index) => (index % 2 === 0 ? { kind: 'text', text: part } : { kind: 'code', text: `\`${part}\`` }))
    .filter((part) => part.text !== '')
}
