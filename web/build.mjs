// Bundles the page into dist/, or its tests into build/: `node build.mjs page|tests`.

import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const common = { bundle: true, logLevel: "info", target: "es2022", jsx: "automatic", jsxImportSource: "preact" };

if (process.argv[2] === "tests") {
    rmSync("build", { recursive: true, force: true });
    const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
    await build({
        ...common,
        entryPoints: tests.map((name) => `test/${name}`),
        outdir: "build",
        platform: "node",
        format: "esm",
        packages: "external",
    });
} else {
    mkdirSync("dist", { recursive: true });
    await build({
        ...common,
        entryPoints: { page: "src/main.tsx" },
        outdir: "dist",
        format: "esm",
        minify: true,
        legalComments: "eof",
    });
    for (const name of ["index.html", "icon.svg"]) {
        copyFileSync(`src/${name}`, `dist/${name}`);
    }
}
