import { follow } from './smoke.js'

/** For runtimes that start a program: prints its report, and must then end by itself. */
const [url, last] = process.argv.slice(2)
void follow(url!, Number(last)).then((report) => console.log(JSON.stringify(report)))
