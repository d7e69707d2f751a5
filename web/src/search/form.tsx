// Every filter of a search.

import { useEffect, useState } from "preact/hooks";
import { LookbackOptions } from "../parts/range";
import { go } from "../router";
import type { Services } from "../types";
import { fromField, LIMITS, readQuery, type SearchQuery, searchLink, toField } from "./query";
import { joinTags, splitTags } from "./tags";

const KINDS = ["server", "client", "internal", "producer", "consumer"];

interface Fields extends Omit<SearchQuery, "tags"> {
    tags: string;
}

function fields(query: URLSearchParams): Fields {
    const search = readQuery(query);
    const custom = search.start !== "" || search.end !== "";
    return { ...search, tags: joinTags(search.tags), lookback: custom ? "custom" : search.lookback };
}

interface Props {
    query: URLSearchParams;
    services: Services["services"];
    /** The same search again finds what came since. */
    again: () => void;
}

export function SearchForm({ query, services, again }: Props) {
    const [form, setForm] = useState(() => fields(query));
    const address = query.toString();
    useEffect(() => setForm(fields(query)), [address]);
    const set = (change: Partial<Fields>) => setForm({ ...form, ...change });
    const names = Object.keys(services).sort();
    const operations = [...new Set((services[form.service] ?? []).map((operation) => operation.name))].sort();
    const submit = (event: Event) => {
        event.preventDefault();
        again();
        const custom = form.lookback === "custom";
        go(
            searchLink({
                ...form,
                tags: splitTags(form.tags),
                lookback: custom ? "1h" : form.lookback,
                start: custom ? form.start : "",
                end: custom ? form.end : "",
                minDuration: form.minDuration.trim(),
                maxDuration: form.maxDuration.trim(),
            }),
        );
    };
    return (
        <form class="filters" onSubmit={submit} aria-label="Search for traces">
            <label>
                Service
                <Choice value={form.service} any="any service" options={names} onChange={(service) => set({ service, operation: "" })} />
            </label>
            <label>
                Operation
                <input
                    value={form.operation}
                    list="operations"
                    placeholder="any operation"
                    autocomplete="off"
                    onInput={(event) => set({ operation: event.currentTarget.value })}
                />
                <datalist id="operations">
                    {operations.map((name) => (
                        <option key={name} value={name} />
                    ))}
                </datalist>
            </label>
            <label>
                Kind
                <Choice value={form.kind} any="any kind" options={KINDS} onChange={(kind) => set({ kind })} />
            </label>
            <label class="wide">
                Tags
                <input
                    value={form.tags}
                    placeholder='http.response.status_code>=500 error.type="timed out"'
                    title="Attributes of a span or its resource with = != > >= < or <=, a space between two; resource.KEY for the resource alone"
                    spellcheck={false}
                    autocomplete="off"
                    onInput={(event) => set({ tags: event.currentTarget.value })}
                />
            </label>
            <label>
                At least
                <input value={form.minDuration} placeholder="250ms" size={8} onInput={(event) => set({ minDuration: event.currentTarget.value })} />
            </label>
            <label>
                At most
                <input value={form.maxDuration} placeholder="1.5s" size={8} onInput={(event) => set({ maxDuration: event.currentTarget.value })} />
            </label>
            <label>
                Errors
                <select value={form.error} onChange={(event) => set({ error: event.currentTarget.value })}>
                    <option value="">with or without</option>
                    <option value="true">failed spans</option>
                    <option value="false">other spans</option>
                </select>
            </label>
            <label>
                Time
                <select value={form.lookback} onChange={(event) => set({ lookback: event.currentTarget.value })}>
                    <LookbackOptions />
                    <option value="custom">from … to …</option>
                </select>
            </label>
            {form.lookback === "custom" && (
                <>
                    <Moment label="From" value={form.start} onChange={(start) => set({ start })} />
                    <Moment label="To" value={form.end} onChange={(end) => set({ end })} />
                </>
            )}
            <label>
                Most traces
                <select value={form.limit} onChange={(event) => set({ limit: event.currentTarget.value })}>
                    {LIMITS.map((limit) => (
                        <option key={limit}>{limit}</option>
                    ))}
                </select>
            </label>
            <button type="submit" class="main">
                Search
            </button>
        </form>
    );
}

interface ChoiceProps {
    value: string;
    any: string;
    options: string[];
    onChange: (value: string) => void;
}

function Choice({ value, any, options, onChange }: ChoiceProps) {
    return (
        <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
            <option value="">{any}</option>
            {value !== "" && !options.includes(value) && <option value={value}>{value}</option>}
            {options.map((option) => (
                <option key={option} value={option}>
                    {option}
                </option>
            ))}
        </select>
    );
}

function Moment({ label, value, onChange }: { label: string; value: string; onChange: (ns: string) => void }) {
    return (
        <label>
            {label}
            <input type="datetime-local" step="0.001" value={toField(value)} onChange={(event) => onChange(fromField(event.currentTarget.value))} />
        </label>
    );
}
