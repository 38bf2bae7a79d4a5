import { follow, type Report } from './smoke.js'

declare global {
  interface Window {
    followHere(url: string, last: number): Promise<Report>
    followInWorker(url: string, last: number): Promise<Report>
    followInServiceWorker(url: string, last: number): Promise<Report>
  }
}

/** Functions that the test calls in the page: the client in the page, in a web worker and in a service worker. */
window.followHere = follow

window.followInWorker = (url, last) => {
  const worker = new Worker('/worker.js')
  worker.postMessage({ url, last })
  return reportFrom(worker)
}

window.followInServiceWorker = async (url, last) => {
  await navigator.serviceWorker.register('/worker.js')
  const { active } = await navigator.serviceWorker.ready
  const report = reportFrom(navigator.serviceWorker)
  navigator.serviceWorker.startMessages()
  active!.postMessage({ url, last })
  return report
}

function reportFrom(target: Worker | ServiceWorkerContainer): Promise<Report> {
  return new Promise((resolve, reject) => {
    target.addEventListener('message', (event) => {
      const { report, error } = (event as MessageEvent).data
      if (report) resolve(report)
      else reject(new Error(error))
    })
  })
}
