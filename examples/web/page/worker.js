// A service worker: the page works without a network once it was opened. VERSION and FILES are written above by the build.

const PREFIX = "plasmoscope-";

self.addEventListener("install", (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(PREFIX + VERSION).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  const former = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== PREFIX + VERSION) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(former());
});

self.addEventListener("fetch", (event) => {
  // All of a page comes from one build: a model never meets another's card.
  const answer = async () => (await (await caches.open(PREFIX + VERSION)).match(event.request)) ?? fetch(event.request);
  event.respondWith(answer());
});
