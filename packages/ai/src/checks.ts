export {
  type AdapterCheck,
  type AdapterUnderTest,
  type Answer,
  adapterChecks,
  type CreateAdapter,
  type Reader,
  type ReadItem,
} from './adapter-checks.js'
