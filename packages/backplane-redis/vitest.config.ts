import { project } from '../../vitest.shared.js'

// The fault tests stop and restart Redis under random schedules: they are a command of their own, `npm run test:long`.
const exclude = process.env.RIVULET_SEEDS ? [] : ['src/faults.test.ts']

export default project('backplane-redis', { exclude })
