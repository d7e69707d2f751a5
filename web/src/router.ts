// The address says what is shown: every view and every choice in it can be linked to.

import { useEffect, useState } from "preact/hooks";

export interface Address {
    path: string;
    query: URLSearchParams;
}

const MOVED = "tracer:moved";

export function address(): Address {
    return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** Goes there; `replace` leaves no step in the history. */
export function go(to: string, replace = false): void {
    if (replace) {
        history.replaceState(null, "", to);
    } else {
        history.pushState(null, "", to);
        window.scrollTo(0, 0);
    }
    window.dispatchEvent(new Event(MOVED));
}

/** A path with parameters; those that are empty are left out. */
export function link(path: string, parameters: Record<string, string | string[] | undefined>): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        for (const one of Array.isArray(value) ? value : [value ?? ""]) {
            if (one !== "") query.append(name, one);
        }
    }
    const text = query.toString();
    return text === "" ? path : `${path}?${text}`;
}

/** The same view with some parameters changed. */
export function goWith(changes: Record<string, string | undefined>, replace = true): void {
    const { path, query } = address();
    for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === "") query.delete(name);
        else query.set(name, value);
    }
    const text = query.toString();
    go(text === "" ? path : `${path}?${text}`, replace);
}

export function useAddress(): Address {
    const [now, setNow] = useState(address);
    useEffect(() => {
        const moved = () => setNow(address());
        window.addEventListener("popstate", moved);
        window.addEventListener(MOVED, moved);
        return () => {
            window.removeEventListener("popstate", moved);
            window.removeEventListener(MOVED, moved);
        };
    }, []);
    return now;
}

/** Plain links within the page do not load it anew. */
export function followLinks(): void {
    document.addEventListener("click", (event) => {
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        const anchor = event.target instanceof Element ? event.target.closest("a") : null;
        const href = anchor?.getAttribute("href");
        if (!href?.startsWith("/") || href.startsWith("//") || href.startsWith("/api/")) return;
        event.preventDefault();
        go(href);
    });
}
