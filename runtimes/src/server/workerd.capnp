using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "app.mjs", esModule = embed "app.mjs")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [(className = "Application", uniqueKey = "application")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "APPLICATION", durableObjectNamespace = "Application")],
);
