// Unpacks the Chromium of the npm package @sparticuz/chromium: node tools/browser.mjs PACKAGE FOLDER
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const [source, folder] = process.argv.slice(2).map((path) => resolve(path));
const unpacked = (name) => brotliDecompressSync(readFileSync(join(source, "bin", name)));
mkdirSync(folder, { recursive: true });
for (const name of ["al2023.tar.br", "fonts.tar.br"]) {
  execFileSync("tar", ["x", "-C", folder], { input: unpacked(name) });
}
writeFileSync(
  join(folder, "fonts.conf"),
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/cache</cachedir></fontconfig>`,
);
writeFileSync(join(folder, "chromium"), unpacked("chromium.br"), { mode: 0o755 });
