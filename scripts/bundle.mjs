/**
 * Bundles the browser code: static/js and static/css, with what comes from npm, into static/dist.
 *
 * Every file is named after its content, has a .gz and a .br beside it, and stands in manifest.json under the name
 * templates use. `flask_chat/assets.py` reads the manifest; `hatch_build.py` runs this script during `pip install`.
 *
 * Usage: node scripts/bundle.mjs [--if-stale]
 */

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync, constants as zlib } from "node:zlib";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "static", "dist");
const STAMP = join(DIST, "sources.sha256");

/** What a page asks for by name. The name is the key in manifest.json. */
const PAGES = ["home.js", "room.js", "wait.js", "host.js"];
const STYLES = ["style.css"];
const ICONS = "icons.svg";
const MARKUP = ["host-tools.html"];

/** The oldest browsers the bundle is lowered for: those of spring 2023, when CSS nesting and @layer had settled. */
const BROWSERS = ["es2022", "chrome112", "firefox117", "safari16.5"];

/** Everything the bundle is made from. `SOURCES` in flask_chat/assets.py says the same. */
const SOURCE_FILES = ["package.json", "package-lock.json", "scripts/bundle.mjs"];
const SOURCE_FOLDERS = ["static/css", "static/js"];

/** @typedef {{ name: string, contents: Uint8Array }} Output one file of static/dist */

async function main() {
  const stamp = stampOfSources();
  if (process.argv.includes("--if-stale") && isFresh(stamp)) return;

  /** @type {Map<string, Output>} what templates ask for → the file */
  const asked = new Map();
  /** @type {Output[]} files that only other files ask for, such as a lazily loaded part */
  const others = [];
  /** @type {Set<string>} npm packages whose code is in the bundle */
  const packages = new Set();

  for (const page of PAGES) {
    // One build per page keeps a page's script in one request; `splitting` still cuts off what is imported lazily.
    const built = await build(`static/js/${page}`, { format: "esm", splitting: true });
    asked.set(page, built.entry);
    others.push(...built.others);
    for (const name of built.packages) packages.add(name);
  }
  for (const style of STYLES) {
    const built = await build(`static/css/${style}`, {});
    asked.set(style, built.entry);
    others.push(...built.others);
  }
  const icons = iconSprite();
  asked.set(ICONS, icons);
  for (const part of MARKUP) asked.set(part, markup(part, icons));

  const files = [...asked.values(), ...others];
  const manifest = Object.fromEntries([...asked].map(([name, { name: hashed }]) => [name, hashed]));
  write(files, manifest, notices(packages), stamp);
  report(files);
}

/**
 * @param {string} entry path from the root
 * @param {{ format?: "esm", splitting?: boolean }} options
 */
async function build(entry, options) {
  const esbuild = await import("esbuild");
  const result = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outdir: "static/dist",
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    sourcemap: false,
    legalComments: "none", // notices() collects the licences
    charset: "utf8",
    target: BROWSERS,
    loader: { ".svg": "file", ".woff2": "file" },
    logLevel: "warning",
    ...options,
  });
  const outputs = result.outputFiles.map((file) => ({
    path: relative(ROOT, file.path).split(sep).join("/"),
    name: relative(DIST, file.path).split(sep).join("/"),
    contents: file.contents,
  }));
  const main = outputs.find(({ path }) => result.metafile.outputs[path]?.entryPoint === entry);
  if (!main) throw new Error(`esbuild wrote nothing for ${entry}`);
  return {
    entry: main,
    others: outputs.filter((output) => output !== main),
    packages: Object.keys(result.metafile.inputs).flatMap((path) => packageOf(path) ?? []),
  };
}

/**
 * The npm package a bundled file belongs to; undefined for our own files.
 * @param {string} path
 */
function packageOf(path) {
  return path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[0];
}

/**
 * One SVG with a <symbol> for each Lucide icon named in static/js/icons.json.
 * @returns {Output}
 */
function iconSprite() {
  /** @type {string[]} */
  const names = readJson("static/js/icons.json");
  const lucide = readJson("node_modules/@iconify-json/lucide/icons.json");
  const symbols = names.map((name) => {
    const icon = lucide.icons[name] ?? lucide.icons[lucide.aliases[name]?.parent];
    if (!icon) throw new Error(`static/js/icons.json names "${name}", which Lucide does not have.`);
    return `<symbol id="${name}" viewBox="0 0 24 24">${icon.body}</symbol>`;
  });
  const contents = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
  return { name: `icons-${hashOf(contents)}.svg`, contents };
}

/**
 * Markup that a page fetches when it needs it, with its comments left out and its icons those of the sprite.
 * @param {string} part a file in static/js
 * @param {Output} icons
 * @returns {Output}
 */
function markup(part, icons) {
  const source = readFileSync(join(ROOT, "static/js", part), "utf8");
  const contents = Buffer.from(
    source
      .replaceAll(/ *<!--.*?-->\n/gs, "")
      .replaceAll(`href="${ICONS}#`, `href="/static/dist/${icons.name}#`),
  );
  return { name: part.replace(".", `-${hashOf(contents)}.`), contents };
}

/**
 * The licences of the packages whose code or drawings are in the bundle, as they ask for.
 * @param {Set<string>} packages folders under node_modules
 */
function notices(packages) {
  const parts = ["The files in this folder contain code and drawings from these packages.\n"];
  for (const folder of [...packages, "node_modules/@iconify-json/lucide"].sort()) {
    const { name, version, license } = readJson(`${folder}/package.json`);
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file
      ? readFileSync(join(ROOT, folder, file), "utf8").trim()
      : `Licence: ${license}`;
    parts.push(`---- ${name} ${version} ----\n\n${text}\n`);
  }
  return parts.join("\n");
}

/**
 * Fills static/dist and removes what no longer belongs there. The stamp comes last, so that a run that was cut off
 * counts as stale.
 * @param {Output[]} files
 * @param {Record<string, string>} manifest
 * @param {string} licences
 * @param {string} stamp
 */
function write(files, manifest, licences, stamp) {
  mkdirSync(DIST, { recursive: true });
  rmSync(STAMP, { force: true });
  const kept = new Set(["manifest.json", "licences.txt"]);
  for (const { name, contents } of files) {
    const brotli = brotliCompressSync(contents, {
      params: { [zlib.BROTLI_PARAM_SIZE_HINT]: contents.length },
    });
    for (const [suffix, bytes] of /** @type {const} */ ([
      ["", contents],
      [".gz", gzipSync(contents, { level: 9 })],
      [".br", brotli],
    ])) {
      writeFileSync(join(DIST, name + suffix), bytes);
      kept.add(name + suffix);
    }
  }
  writeFileSync(join(DIST, "licences.txt"), licences);
  writeFileSync(join(DIST, "manifest.json.new"), `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(join(DIST, "manifest.json.new"), join(DIST, "manifest.json"));
  for (const name of readdirSync(DIST)) {
    if (!kept.has(name)) rmSync(join(DIST, name), { recursive: true });
  }
  writeFileSync(STAMP, `${stamp}\n`);
}

/** @param {Output[]} files */
function report(files) {
  for (const { name, contents } of files) {
    const [plain, gzip, brotli] = [
      contents,
      gzipSync(contents, { level: 9 }),
      brotliCompressSync(contents),
    ].map((bytes) => `${(bytes.length / 1024).toFixed(1)} KB`.padStart(9));
    console.log(`static/dist/${name.padEnd(24)} ${plain} ${gzip} gzip ${brotli} brotli`);
  }
}

/** @param {string} stamp */
function isFresh(stamp) {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8").trim() === stamp;
}

/** One SHA-256 over the names and contents of all sources. `stamp_of` in flask_chat/assets.py computes the same. */
function stampOfSources() {
  const paths = [...SOURCE_FILES, ...SOURCE_FOLDERS.flatMap(filesBelow)].sort();
  return sha256(
    Buffer.from(
      paths.map((path) => `${path} ${sha256(readFileSync(join(ROOT, path)))}\n`).join(""),
    ),
  );
}

/**
 * @param {string} folder
 * @returns {string[]} paths from the root, without hidden files and editors' backups
 */
function filesBelow(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && !name.endsWith("~"))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
    );
}

/** @param {Uint8Array} contents */
function hashOf(contents) {
  return sha256(contents).slice(0, 8).toUpperCase();
}

/** @param {Uint8Array} bytes */
function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** @param {string} path from the root */
function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}

try {
  await main();
} catch (error) {
  // What esbuild stumbled over it has printed already, with the line it is in.
  if (!(error instanceof Error && "errors" in error)) throw error;
  process.exitCode = 1;
}
