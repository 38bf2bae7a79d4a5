import { describeEngine } from './describe-engine.js'
import { firefoxEngine } from './puppeteer-engine.js'

describeEngine(firefoxEngine)
