import { cleanup, configure } from '@testing-library/vue'
import { afterEach } from 'vitest'

// Generous, because other tests may keep the machine busy.
configure({ asyncUtilTimeout: 20_000 })
afterEach(cleanup)
