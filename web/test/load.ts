// How long the page takes to be there: each view in a browser that has never seen it, with a few thousand traces stored.
// Started by `cargo xtask bench web`. It asserts nothing.

import { chromium } from "playwright-core";
import { Server } from "./server";
import { ago, BROWSER_ARGS, hex, hugeTrace, shopTrace } from "./spans";

const ROUNDS = Number(process.env.TRACER_WEB_ROUNDS ?? 9);
const TRACES = 2000;

/** A view, and what shows that its content is there. */
const VIEWS: [string, string, string][] = [
    ["search", "/search", ".result"],
    ["trace", `/trace/${hex(7, 32)}`, "[role=treeitem]"],
    ["trace of 50,000 spans", `/trace/${hex(0xffff, 32)}`, "[role=treeitem]"],
    ["service map", "/map", ".map-node"],
    ["operations", "/operations", "tbody tr"],
    ["status", "/status", "dl"],
];

const server = await Server.start();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: BROWSER_ARGS });
try {
    for (let first = 1; first <= TRACES; first += 500) {
        const traces = Array.from({ length: 500 }, (_, index) => shopTrace(first + index, ago((first + index) * 500)));
        await server.send(traces.flat());
    }
    const huge = hugeTrace(0xffff, 50_000);
    for (let first = 0; first < huge.length; first += 5000) await server.send(huge.slice(first, first + 5000));
    console.log(`| view (${ROUNDS} loads, nothing cached, ${TRACES} traces stored) | page loaded, median ms | content shown, median ms | slowest |\n|---|---|---|---|`);
    for (const [name, path, content] of VIEWS) {
        const [loaded, shown]: [number[], number[]] = [[], []];
        for (let round = 0; round < ROUNDS; round++) {
            const context = await browser.newContext();
            const page = await context.newPage();
            // Noted by the page's own clock, which begins with the navigation: what steers the browser takes no part.
            await page.addInitScript((selector) => {
                const look = () => {
                    if (document.querySelector(selector)) (window as { shown?: number }).shown = performance.now();
                    else requestAnimationFrame(look);
                };
                requestAnimationFrame(look);
            }, content);
            await page.goto(server.page + path);
            await page.waitForFunction(() => (window as { shown?: number }).shown !== undefined);
            const times = await page.evaluate(() => {
                const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
                return [navigation?.loadEventEnd ?? NaN, (window as { shown?: number }).shown ?? NaN] as const;
            });
            loaded.push(times[0]);
            shown.push(times[1]);
            await context.close();
        }
        const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]?.toFixed(0);
        console.log(`| ${name} | ${median(loaded)} | ${median(shown)} | ${Math.max(...shown).toFixed(0)} |`);
    }
} finally {
    await browser.close();
    await server.stop();
}
