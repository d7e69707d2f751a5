// Texts that people write and read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, counted, duration, percent, perSecond, ticks, toMs } from "../src/format";
import { fromField, readQuery, searchLink, searchPath, toField } from "../src/search/query";
import { readZoom, writeZoom } from "../src/search/scatter";
import { joinTags, splitTags } from "../src/search/tags";
import { EventReader } from "../src/stream";

test("durations have three digits and a unit", () => {
    const cases: [number, string][] = [
        [0, "0 ns"],
        [999, "999 ns"],
        [1000, "1 µs"],
        [1234, "1.23 µs"],
        [12_345, "12.3 µs"],
        [99_960, "100 µs"],
        [250_000_000, "250 ms"],
        [1_500_000_000, "1.50 s"],
        [90e9, "1.50 min"],
        [7200e9, "2 h"],
    ];
    for (const [ns, text] of cases) assert.equal(duration(ns), text);
    assert.deepEqual([percent(0), percent(0.0001), percent(0.051), percent(0.5), percent(1)], ["0 %", "< 0.1 %", "5.1 %", "50 %", "100 %"]);
    assert.deepEqual([bytes(512), bytes(1536), bytes(3 * 1024 ** 3)], ["512 B", "1.50 KiB", "3 GiB"]);
    assert.deepEqual([perSecond(2), perSecond(0.5), counted(1, "span"), counted(1234, "span")], ["2/s", "30/min", "1 span", "1,234 spans"]);
    assert.deepEqual(ticks(0, 1.3e9, 4), [0, 5e8, 1e9]);
    assert.deepEqual([ticks(130, 290, 4), ticks(5, 5, 4)], [[150, 200, 250], [5]]);
    assert.equal(toMs("1700000000123456789"), 1700000000123.456);
});

test("tags are split at spaces outside of quotes", () => {
    assert.deepEqual(splitTags('a=b  c>=5 d="x y" '), ["a=b", "c>=5", "d=x y"]);
    assert.deepEqual(splitTags('a="say \\"hi\\"" b="" "'), ['a=say "hi"', "b=", ""]);
    for (const tags of [["a=b"], ["a=x y", 'b="', "c=\\", ' "\\" '], [""], []]) assert.deepEqual(splitTags(joinTags(tags)), tags);
});

test("a search and its address are the same", () => {
    const address = searchLink({ service: "a&b", tags: ["x=1", "y=<z>"], error: "true", lookback: "6h" });
    const search = readQuery(new URLSearchParams(address.split("?")[1]));
    assert.deepEqual([search.service, search.tags, search.error, search.lookback, search.limit], ["a&b", ["x=1", "y=<z>"], "true", "6h", "100"]);
    assert.equal(searchLink(search), address);
    // A range comes before a lookback, which the server would otherwise use for its start.
    assert.equal(searchPath({ ...search, service: "", tags: [], error: "", start: "5" }), "/api/v1/traces?start=5&limit=100&count=true");
    // What the address has no business to ask is left out.
    assert.deepEqual([readQuery(new URLSearchParams("limit=999999&lookback=99y")).limit, readQuery(new URLSearchParams("lookback=99y")).lookback], ["100", "1h"]);
});

test("moments go through the form's fields unchanged", () => {
    const ns = "1700000000123000000";
    assert.equal(fromField(toField(ns)), ns);
    assert.deepEqual([toField(""), toField("x"), toField("9".repeat(30)), fromField("x"), fromField("")], ["", "", "", "", ""]);
});

test("a zoom that is none is no zoom", () => {
    const zoom = { from: 1, to: 2.5, shortest: 0, longest: 10 };
    assert.deepEqual(readZoom(writeZoom(zoom)), zoom);
    for (const text of [null, "", "1~2~3", "2~1~0~1", "1~2~x~4", "1~Infinity~0~1"]) assert.equal(readZoom(text), undefined);
});

test("events are the same however the stream is cut", () => {
    const stream = ': hello\n\nevent: span\ndata: {"a":1}\n\n:\n\nevent: left_out\ndata: {"spans":2}\n\ndata: x\r\ndata: y\r\n\r\nevent: span\ndata: cut off';
    const expected = [
        { event: "span", data: '{"a":1}' },
        { event: "left_out", data: '{"spans":2}' },
        { event: "message", data: "x\ny" },
    ];
    for (let size = 1; size <= stream.length; size++) {
        const reader = new EventReader();
        const events = [];
        for (let at = 0; at < stream.length; at += size) events.push(...reader.push(stream.slice(at, at + size)));
        assert.deepEqual(events, expected, `in pieces of ${size}`);
    }
});
