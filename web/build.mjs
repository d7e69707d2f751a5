// Bundles the page into dist/, or its tests into build/: `node build.mjs page|tests`.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const common = { bundle: true, logLevel: "warning", target: "es2022", jsx: "automatic", jsxImportSource: "preact" };

/** Packages that become part of the page. */
const BUNDLED = ["preact", "@dagrejs/dagre", "@dagrejs/graphlib"];

if (process.argv[2] === "tests") {
    rmSync("build", { recursive: true, force: true });
    const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts") || name === "load.ts");
    await build({
        ...common,
        entryPoints: tests.map((name) => `test/${name}`),
        outdir: "build",
        platform: "node",
        format: "esm",
        packages: "external",
    });
} else {
    const bundle = await build({
        ...common,
        entryPoints: { page: "src/main.tsx" },
        outdir: "dist",
        format: "esm",
        minify: true,
        // Their licences ask that they come along.
        footer: { js: `/*!\n${BUNDLED.map(licence).join("\n")}*/` },
        write: false,
    });
    for (const file of bundle.outputFiles) put(file.path, file.contents);
    for (const name of ["index.html", "icon.svg"]) put(`dist/${name}`, readFileSync(`src/${name}`));
}

function licence(name) {
    return `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").replaceAll("*/", "* /")}\n`;
}

/** Writes what is new: cargo compiles the server again for every file that was written. */
function put(path, contents) {
    if (existsSync(path) && readFileSync(path).equals(contents)) return;
    writeFileSync(path, contents);
    console.log(`${path}: ${contents.length} bytes`);
}
