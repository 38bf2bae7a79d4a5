import { describeEngine } from './describe-engine.js'
import { chromiumEngine } from './puppeteer-engine.js'

describeEngine(chromiumEngine)
