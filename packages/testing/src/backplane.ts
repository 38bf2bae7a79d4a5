export {
  type BackplaneCheck,
  type BackplaneUnderTest,
  backplaneChecks,
  type CreateBackplane,
} from './backplane-checks.js'
