import { firefoxEngine } from '../../test-support/browsers/puppeteer-engine.js'
import { describeEngine } from './describe-engine.js'

describeEngine(firefoxEngine)
