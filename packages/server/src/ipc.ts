export { type ConnectBackplaneOptions, connectBackplane } from './ipc/connect-backplane.js'
export { IpcAddressError, IpcProtocolError, IpcUnavailableError } from './ipc/errors.js'
export { type BackplaneServer, type ServeBackplaneOptions, serveBackplane } from './ipc/serve-backplane.js'
