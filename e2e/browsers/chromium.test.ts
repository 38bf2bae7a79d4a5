import { chromiumEngine } from '../../test-support/browsers/puppeteer-engine.js'
import { describeEngine } from './describe-engine.js'

describeEngine(chromiumEngine)
