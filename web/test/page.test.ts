// The page in a real browser, against a real server.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Server } from "./server";
import { ago, BROWSER_ARGS, HOSTILE, hex, hostileTrace, hugeTrace, shopTrace } from "./spans";

const HUGE = 50_000;
const SHOTS = process.env.TRACER_WEB_SHOTS ?? "build/screenshots";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server: Server;
let browser: Browser;

before(async () => {
    mkdirSync(SHOTS, { recursive: true });
    server = await Server.start();
    for (let number = 1; number <= 12; number++) {
        await server.send(shopTrace(number, ago(number * 10_000), BigInt(number)));
    }
    await server.send(hostileTrace(0x51));
    const huge = hugeTrace(0x61, HUGE);
    for (let first = 0; first < huge.length; first += 5000) await server.send(huge.slice(first, first + 5000));
    browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: BROWSER_ARGS,
    });
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

interface Visit {
    page: Page;
    context: BrowserContext;
}

/** Visits the page; afterwards there must have been no complaint, and no request to anyone else. */
async function visit(path: string, look: (visit: Visit) => Promise<void>, options: { theme?: "dark" | "light"; origin?: string; expected?: RegExp } = {}): Promise<void> {
    const origin = options.origin ?? server.page;
    const context = await browser.newContext({ colorScheme: options.theme ?? "light", viewport: { width: 1280, height: 900 } });
    const complaints: string[] = [];
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
        if (!request.url().startsWith(`${origin}/`)) complaints.push(`a request to ${request.url()}`);
    });
    try {
        await page.goto(origin + path);
        await look({ page, context });
        assert.equal(await page.evaluate(() => (window as { hacked?: number }).hacked), undefined);
        const unexpected = complaints.filter((text) => !options.expected?.test(text));
        assert.deepEqual(unexpected, []);
    } finally {
        await context.close();
    }
}

const shot = (page: Page, name: string) => page.screenshot({ path: join(SHOTS, `${name}.png`) });

/** The rules of WCAG 2.2 AA that a program can check. */
async function accessible(page: Page, what: string): Promise<void> {
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
        const axe = (window as unknown as { axe: { run: (context: Document, options: object) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
        const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
        return found.violations.map((violation) => ({ id: violation.id, nodes: violation.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`) }));
    });
    assert.deepEqual(violations, [], `${what}: ${JSON.stringify(violations, undefined, 1)}`);
}

const names = (page: Page) => page.locator(".result-name").allInnerTexts();

test("a trace is found through the form, opened and read", () =>
    visit("/", async ({ page }) => {
        await page.getByRole("combobox", { name: "Service", exact: true }).selectOption("stock");
        await page.getByLabel("Operation").fill("GET /second");
        await page.getByLabel("Tags").fill('http.response.status_code>=500 error.type="timed out"');
        await page.getByLabel("At least").fill("550ms");
        await page.getByLabel(/^Errors/).selectOption("failed spans");
        await page.getByRole("button", { name: "Search", exact: true }).click();
        // 60 ms each, times the number of the trace.
        await page.getByText("3 traces").waitFor();
        assert.deepEqual(await names(page), ["web: GET /cart", "web: GET /cart", "web: GET /cart"]);
        await page.getByLabel("Order").selectOption("longest first");
        await shot(page, "search");
        await page.locator(".result-name").first().click();
        await page.waitForURL(`**/trace/${hex(12, 32)}`);

        const spans = page.getByRole("treeitem");
        await spans.nth(3).waitFor();
        const labels = await spans.evaluateAll((rows) => rows.map((row) => row.textContent.replace(/[▾▸⚠]/g, "").replace(/\s+/g, " ").trim()));
        assert.deepEqual(labels, [
            "web GET /cart on the critical path1.20 s",
            "shop GET /items on the critical path960 ms parent by tcp-seq",
            "stock GET /first on the critical path240 ms parent by thread",
            "stock GET /second failed on the critical path720 ms parent by header",
        ]);
        await spans.nth(3).click();
        const details = page.getByRole("complementary", { name: "Span" });
        await details.getByText("Why this parent: header. The request carries the trace context").waitFor();
        await details.getByText("failed: it broke").waitFor();
        assert.equal(await details.locator("tr", { hasText: "http.response.status_code" }).locator("code").innerText(), "503");
        await shot(page, "trace");

        // The address leads back to the same span.
        await page.reload();
        await details.getByText("GET /second").waitFor();
        await page.goBack();
        await page.getByText("3 traces").waitFor();
    }));

test("every view opens from its address, and answers with what was stored", async () => {
    await visit("/map", async ({ page }) => {
        await page.getByRole("link", { name: /^stock: / }).waitFor();
        const edge = page.getByRole("link", { name: /^shop calls stock: .*50 % failed/ });
        await edge.waitFor();
        await shot(page, "map");
        await page.getByRole("link", { name: /^stock: / }).click();
        await page.getByRole("link", { name: "its traces" }).click();
        await page.getByText("12 traces").waitFor();
    });
    await visit("/operations?service=stock", async ({ page }) => {
        const row = page.getByRole("row", { name: /GET \/second/ });
        await row.waitFor();
        assert.deepEqual((await row.locator("td").allInnerTexts()).slice(0, 3), ["stock", "GET /second", "server"]);
        assert.equal(await row.locator("td").nth(4).innerText(), "100 %");
        await shot(page, "operations");
        await row.getByRole("link", { name: "slowest trace of GET /second" }).click();
        await page.waitForURL(`**/trace/${hex(12, 32)}`);
    });
    await visit(`/compare?a=${hex(1, 32)}&b=${hex(2, 32)}`, async ({ page }) => {
        const row = page.getByRole("listitem").filter({ hasText: "GET /second" });
        const text = (await row.innerText()).replace(/\s+/g, " ");
        assert.ok(text.includes("60 ms 1 error 120 ms 1 error +60 ms"), text);
        await shot(page, "compare");
    });
    await visit("/status", async ({ page }) => {
        await page.getByText("Nothing was lost or refused").waitFor();
        assert.equal(await page.locator("dt", { hasText: "Spans taken" }).locator("+ dd").innerText(), "50,049");
        await page.getByText("tracer status").waitFor();
        await shot(page, "status");
    });
});

test("the same search again finds what came since", () =>
    visit("/search?service=web&tag=user.turn%3Dlate", async ({ page }) => {
        await page.getByText("No such traces in the last 1 hour").waitFor();
        const spans = shopTrace(0x81, ago(100)).slice(0, 1);
        await server.send(spans.map((span) => ({ ...span, attributes: { "user.turn": "late" } })));
        await page.getByRole("button", { name: "Search", exact: true }).click();
        await page.getByText("1 trace", { exact: true }).waitFor();
    }));

test("two results can be chosen and compared", () =>
    visit("/search?service=shop", async ({ page }) => {
        const compare = page.getByRole("button", { name: /^Compare two traces/ });
        assert.ok(await compare.isDisabled());
        const boxes = page.getByRole("checkbox", { name: /^Choose web: GET \/cart/ });
        await boxes.nth(0).check();
        await boxes.nth(1).check();
        await compare.click();
        await page.waitForURL(`**/compare?a=${hex(1, 32)}&b=${hex(2, 32)}`);
        await page.getByRole("listitem").filter({ hasText: "GET /second" }).waitFor();
    }));

test("dragging in the plot zooms, and the list follows", () =>
    visit("/search?service=shop", async ({ page }) => {
        await page.getByText("12 traces").waitFor();
        const plot = await page.locator(".scatter svg").boundingBox();
        assert.ok(plot);
        // The lower half of the durations, over the whole of the time.
        await page.mouse.move(plot.x + plot.width * 0.09, plot.y + plot.height * 0.5);
        await page.mouse.down();
        await page.mouse.move(plot.x + plot.width * 0.97, plot.y + plot.height * 0.87, { steps: 5 });
        await page.mouse.up();
        await page.getByText(/^[3-8] of 12 traces/).waitFor();
        assert.equal((await names(page)).length, await page.locator(".mark").count());
        await page.getByRole("button", { name: "Show all" }).click();
        await page.getByText("12 traces").waitFor();
    }));

test("texts of spans are only ever texts", async () => {
    const id = hex(0x51, 32);
    await visit(`/search?service=${encodeURIComponent(HOSTILE)}`, async ({ page }) => {
        await page.getByText("1 trace", { exact: true }).waitFor();
        assert.deepEqual(await names(page), [`${HOSTILE}: ${HOSTILE}`]);
    });
    await visit(`/trace/${id}?span=${hex(0x51, 16)}`, async ({ page }) => {
        const details = page.getByRole("complementary", { name: "Span" });
        await details.waitFor();
        assert.equal(await details.locator("tr").first().locator("th").innerText(), HOSTILE);
        assert.equal(await details.locator("tr").first().locator("code").innerText(), HOSTILE);
        await shot(page, "hostile");
    });
    for (const show of ["flame", "statistics"]) {
        await visit(`/trace/${id}?show=${show}`, ({ page }) => page.getByText(HOSTILE).first().waitFor());
    }
    for (const path of ["/operations", `/compare?a=${id}&b=${id}`]) {
        await visit(path, ({ page }) => page.getByText(HOSTILE).first().waitFor());
    }
    await visit(`/trace/${encodeURIComponent(HOSTILE)}`, ({ page }) => page.getByText("must be up to 32 hexadecimal digits").waitFor(), { expected: /status of 400/ });
});

test("of 50,000 spans only those in sight exist, and each can be reached", () =>
    visit(`/trace/${hex(0x61, 32)}`, async ({ page }) => {
        await page.getByText("50,000 spans").first().waitFor();
        const rows = page.getByRole("treeitem");
        assert.ok((await rows.count()) < 80, String(await rows.count()));
        const tree = page.getByRole("tree");
        await tree.focus();
        await page.keyboard.press("End");
        await page.getByRole("complementary", { name: "Span" }).waitFor();
        assert.equal(await page.locator(".row.chosen").count(), 1);
        assert.ok((await tree.evaluate((element) => element.scrollTop)) > 1_000_000);
        await shot(page, "huge");

        await page.getByLabel("Find in this trace").fill("job.item=49999");
        await page.getByText("1 of 50,000 spans").waitFor();
        assert.equal(await rows.count(), 3);
        await page.getByRole("button", { name: "Next match" }).click();
        await page.getByRole("complementary").getByText("/items/49999", { exact: true }).waitFor();

        await page.getByLabel("Find in this trace").fill("");
        await page.getByText("1 of 50,000 spans").waitFor({ state: "detached" });
        await page.getByRole("button", { name: "Collapse all" }).click();
        // The root and the 100 below it.
        await page.waitForFunction(() => document.querySelector<HTMLElement>(".rows-all")?.style.height === `${101 * 26}px`);
        await tree.focus();
        await page.keyboard.press("Home");
        await page.waitForFunction(() => document.querySelector("[role=treeitem]")?.getAttribute("aria-level") === "1");
        const level = (await rows.evaluateAll((all) => all.map((row) => row.getAttribute("aria-level")))).slice(0, 3);
        assert.deepEqual(level, ["1", "2", "2"]);

        await page.getByRole("button", { name: "Flame graph" }).click();
        assert.ok((await page.locator(".frame").count()) > 10);
        await shot(page, "flame");
    }));

test("the trace view is used by keys alone", () =>
    visit(`/trace/${hex(3, 32)}`, async ({ page }) => {
        const tree = page.getByRole("tree");
        await tree.waitFor();
        for (let tabs = 0; !(await tree.evaluate((element) => element === document.activeElement)); tabs++) {
            assert.ok(tabs < 60, "the Tab key does not lead to the spans");
            await page.keyboard.press("Tab");
        }
        const active = () => tree.evaluate((element) => document.getElementById(element.getAttribute("aria-activedescendant") ?? "")?.textContent);
        await page.keyboard.press("Home");
        await page.keyboard.press("ArrowDown");
        await page.waitForURL(`**span=${hex(3 * 16 + 2, 16)}`);
        assert.match((await active()) ?? "", /shop GET \/items/);
        await page.keyboard.press("ArrowLeft");
        await page.waitForFunction(() => document.querySelectorAll("[role=treeitem]").length === 2);
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowRight");
        await page.waitForURL(`**span=${hex(3 * 16 + 3, 16)}`);
    }));

test("spans appear as they come in", () =>
    visit("/live?service=web", async ({ page }) => {
        await page.getByText("Live", { exact: true }).last().waitFor();
        await page.getByText("Nothing came in yet").waitFor();
        await server.send(shopTrace(0x71, ago(100)));
        await page.getByRole("cell", { name: "web" }).waitFor();
        assert.equal(await page.getByRole("row").count(), 2);
        await shot(page, "live");
        await page.getByRole("link", { name: "GET /cart" }).click();
        await page.waitForURL(`**/trace/${hex(0x71, 32)}*`);
    }));

/** A server with a rule that holds for the traces that it is sent. */
async function alarmed(look: (alarmed: Server) => Promise<void>): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), "tracer-web-"));
    const rules = join(directory, "rules.yaml");
    writeFileSync(rules, `rules:\n- name: ManyErrors\n  annotations: {runbook: "${HOSTILE.replaceAll('"', "'")}"}\n  if: {error_ratio: {above: 0.1, over: 10m, min_calls: 1}}\n`);
    const server = await Server.start(["--rules", rules]);
    try {
        // Judged is what ended a while ago.
        for (let number = 1; number <= 3; number++) await server.send(shopTrace(number, ago(60_000)));
        await look(server);
    } finally {
        await server.stop();
        rmSync(directory, { recursive: true, force: true });
    }
}

test("an alert is shown with examples, silenced, and heard of again", () =>
    alarmed((alarmed) =>
        visit(
            "/alerts",
            async ({ page }) => {
                await page.getByRole("heading", { name: "firing ManyErrors" }).first().waitFor();
                await page.getByText(/% of calls failed over 10m, above 10 %/).first().waitFor();
                await shot(page, "alerts");
                await accessible(page, "/alerts with one");
                await page.getByRole("button", { name: /^Silence ManyErrors/ }).first().click();
                await page.getByLabel("For").selectOption("2h");
                await page.getByLabel("Why").fill("known");
                await accessible(page, "/alerts with a form");
                await page.getByRole("button", { name: "Tell nobody of it" }).click();
                await page.getByText(/^silenced until/).waitFor();
                const silence = page.getByRole("row", { name: /alertname=ManyErrors/ });
                await silence.getByRole("cell", { name: "known" }).waitFor();
                await silence.getByRole("button", { name: "End silence 1" }).click();
                await page.getByText(/^silenced until/).waitFor({ state: "detached" });
                await page.getByRole("link", { name: "example 1" }).first().click();
                await page.waitForURL("**/trace/*");
            },
            { origin: alarmed.page },
        ),
    ));

test("an agent is shown with its cost, its programs and its losses", () =>
    visit("/status", async ({ page }) => {
        await page.getByText("No agent has told this server how it is").waitFor();
        await server.sendAgent("node-1", [
            ["process_start_time_seconds", {}, Date.now() / 1000 - 100],
            ["process_cpu_seconds_total", {}, 5],
            ["process_resident_memory_bytes", {}, 40 * 1024 * 1024],
            ["tracer_spans_total", {}, 1234],
            ["tracer_program_attached", { program: "sock_send" }, 1],
            ["tracer_program_attached", { program: HOSTILE }, 0],
            ["tracer_program_runs_total", { program: "sock_send" }, 10],
            ["tracer_program_run_seconds_total", { program: "sock_send" }, 5e-6],
            ["tracer_map_entries", { map: "THREADS" }, 95],
            ["tracer_map_max_entries", { map: "THREADS" }, 100],
            ["tracer_drops_total", { stage: "kernel", reason: "ring_full", kind: "loss" }, 7],
            ["tracer_drops_total", { stage: "spans", reason: "excluded", kind: "design" }, 9],
            ["tracer_drops_total", { stage: "spans", reason: "never", kind: "loss" }, 0],
            ["tracer_export_failing", { exporter: "otlp" }, 1],
            ["tracer_sampling_traces_total", { decision: "kept", reason: "always_on", kind: "builtin" }, 3],
        ]);
        const agent = page.getByRole("article", { name: "node-1" });
        await agent.waitFor();
        for (const [name, value] of [
            ["Memory", "40 MiB"],
            ["Spans made", "1,234"],
            ["Lost, in all", "7"],
            ["Version", "1.2.3"],
        ]) {
            assert.equal(await agent.locator("dt", { hasText: name }).locator("xpath=following-sibling::dd").textContent(), value);
        }
        await agent.getByText("Kernel programs and their maps").click();
        await agent.getByRole("row", { name: "sock_send yes 10 500 ns" }).waitFor();
        await agent.getByRole("row", { name: "THREADS 95 100 95 %" }).waitFor();
        await agent.getByRole("row", { name: "kernel ring_full 7 lost" }).waitFor();
        await agent.getByRole("row", { name: "spans excluded 9 by design" }).waitFor();
        assert.equal(await agent.getByText("never").count(), 0);
        await agent.getByText("Backends and sampling").click();
        await agent.getByRole("row", { name: /^otlp not available/ }).waitFor();
        await shot(page, "status");
        await accessible(page, "/status with an agent");
    }));

test("every view can be read by everyone, in both themes", async () => {
    const trace = hex(4, 32);
    const paths = [
        "/search",
        "/search?lookback=5m&service=nobody",
        `/trace/${trace}?span=${hex(4 * 16 + 4, 16)}`,
        `/trace/${trace}?show=flame`,
        `/trace/${trace}?show=statistics`,
        `/compare?a=${trace}&b=${hex(5, 32)}`,
        "/compare",
        "/map",
        "/map?service=shop",
        "/operations",
        "/live",
        "/alerts",
        "/status",
    ];
    for (const theme of ["light", "dark"] as const) {
        for (const path of paths) {
            await visit(
                path,
                async ({ page }) => {
                    await page.locator("main :is(table, dl, .empty, .results, .rows, .frame)").first().waitFor();
                    await accessible(page, `${path} (${theme})`);
                    if (theme === "dark" && (path.startsWith("/trace") || path === "/map")) await shot(page, `dark${path.replace(/\W+/g, "-").slice(0, 8)}-${paths.indexOf(path)}`);
                },
                { theme },
            );
        }
    }
});

test("the theme can be chosen, and stays", () =>
    visit(
        "/search",
        async ({ page }) => {
            const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
            const light = await ground();
            await page.getByLabel("Theme").selectOption("dark");
            assert.notEqual(await ground(), light);
            await page.reload();
            await page.getByLabel("Theme").waitFor();
            assert.notEqual(await ground(), light);
        },
        { theme: "light" },
    ));

test("empty views say what to do", async () => {
    const empty = await Server.start();
    try {
        for (const path of ["/search", "/map", "/operations", "/live"]) {
            await visit(path, ({ page }) => page.getByText("tracer run", { exact: true }).waitFor(), { origin: empty.page });
        }
        await visit("/compare", ({ page }) => page.getByText("Choose two traces").waitFor(), { origin: empty.page });
        await visit(`/trace/${hex(1, 32)}`, ({ page }) => page.getByText("There is no such trace here").waitFor(), { origin: empty.page, expected: /status of 404/ });
    } finally {
        await empty.stop();
    }
});

test("a server with a token is asked with it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "tracer-web-"));
    const file = join(directory, "token");
    writeFileSync(file, "open sesame\n");
    const guarded = await Server.start(["--token-file", file]);
    try {
        await guarded.send(shopTrace(1, ago(1000)), { authorization: "Bearer open sesame" });
        await visit(
            "/search",
            async ({ page }) => {
                await page.getByLabel("Token").fill("open sesame");
                await page.getByRole("button", { name: "Continue" }).click();
                await page.getByText("1 trace", { exact: true }).waitFor();
                await page.getByRole("link", { name: "Live" }).click();
                await page.getByText("Live", { exact: true }).last().waitFor();
            },
            { origin: guarded.page, expected: /status of 401/ },
        );
    } finally {
        await guarded.stop();
        rmSync(directory, { recursive: true, force: true });
    }
});
