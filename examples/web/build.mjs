// Puts the page, a model with its card and ONNX Runtime into one folder, which any server of files can serve:
//
//     node build.mjs [--model FILE.onnx] [--out FOLDER]

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HERE = dirname(fileURLToPath(import.meta.url));
const RUNTIME = join(HERE, "node_modules", "onnxruntime-web", "dist");
// What runs a network on the processor alone; the package has 100 MB of other kinds.
const RUNTIME_FILES = ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"];
const SHIPPED = join(HERE, "../../src/plasmoscope/classification/models/mobilenet_v2_96.onnx");

const { values } = parseArgs({
  options: { model: { type: "string", default: SHIPPED }, out: { type: "string", default: join(HERE, "site") } },
});
const model = resolve(values.model);
const card = model.replace(/\.onnx$/, ".json");
const out = resolve(values.out);
const missing = [...RUNTIME_FILES.map((name) => join(RUNTIME, name)), model, card].filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`Missing: ${missing.join(", ")}. Run "npm install" first; a model needs its card beside it.`);
  process.exit(2);
}
if (existsSync(out) && readdirSync(out).length > 0 && !existsSync(join(out, "worker.js"))) {
  console.error(`${out} holds something else than this page. Give another folder with --out.`);
  process.exit(2);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
cpSync(join(HERE, "page"), out, { recursive: true });
for (const name of RUNTIME_FILES) cpSync(join(RUNTIME, name), join(out, name));
cpSync(model, join(out, "model.onnx"));
cpSync(card, join(out, "model.json"));

// The service worker keeps all of this for use without a network, and anew when any of it changes.
const files = readdirSync(out)
  .filter((name) => name !== "worker.js")
  .sort();
const version = createHash("sha256");
for (const name of files) version.update(name).update(readFileSync(join(out, name)));
const kept = `const VERSION = "${version.digest("hex")}";\nconst FILES = ${JSON.stringify(["./", ...files])};\n`;
writeFileSync(join(out, "worker.js"), kept + readFileSync(join(out, "worker.js"), "utf8"));
console.log(out);
