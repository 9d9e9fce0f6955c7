// Photographs that are not sent yet, kept by the browser so that a closed or reloaded page loses none.

const NAME = "plasmoscope";
const TABLE = "unsent";

// A browser may keep nothing, as in a private window; then there is nothing to find again either.
function open() {
  return new Promise((settle, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => settle(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function inTable(mode, ask) {
  const database = await open();
  try {
    return await new Promise((settle, fail) => {
      const change = database.transaction(TABLE, mode);
      const request = ask(change.objectStore(TABLE));
      change.oncomplete = () => settle(request.result);
      change.onerror = change.onabort = () => fail(change.error);
    });
  } finally {
    database.close();
  }
}

// Its number; undefined where the browser has no room for it.
export const keep = (photograph) => inTable("readwrite", (table) => table.put(photograph)).catch(() => undefined);

export const forget = (id) => inTable("readwrite", (table) => table.delete(id)).catch(() => undefined);

// Those that somebody added here, in their order; nobody else's.
export async function unsent(owner) {
  const all = await inTable("readonly", (table) => table.getAll()).catch(() => []);
  return all.filter((photograph) => photograph.owner === owner);
}
