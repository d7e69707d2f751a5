// The page: a head with the views, and the view that the address names.

import "./style.css";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { AlertsView } from "./alerts";
import { Compare } from "./compare";
import { Live } from "./live";
import { ServiceMap } from "./map";
import { OperationsView } from "./operations";
import { Empty } from "./parts/notice";
import { type Address, followLinks, go, useAddress } from "./router";
import { Search } from "./search/view";
import { StatusView } from "./status";
import { startTheme, ThemeChoice } from "./theme";
import { TraceView } from "./trace/view";

const VIEWS: [string, string][] = [
    ["/search", "Search"],
    ["/map", "Service map"],
    ["/operations", "Operations"],
    ["/live", "Live"],
    ["/compare", "Compare"],
    ["/alerts", "Alerts"],
    ["/status", "Status"],
];

function App() {
    const address = useAddress();
    const path = address.path === "/" ? "/search" : address.path;
    const title = path.startsWith("/trace/") ? "Trace" : (VIEWS.find(([view]) => view === path)?.[1] ?? "Not found");
    useEffect(() => {
        document.title = `${title} · tracer`;
    }, [title]);
    return (
        <>
            <a class="skip" href="#main" onClick={() => document.getElementById("main")?.focus()}>
                Skip to the view
            </a>
            <header>
                <a class="brand" href="/search">
                    tracer
                </a>
                <nav aria-label="Views">
                    {VIEWS.map(([view, name]) => (
                        <a key={view} href={view} aria-current={path === view ? "page" : undefined}>
                            {name}
                        </a>
                    ))}
                </nav>
                <OpenTrace />
                <ThemeChoice />
            </header>
            <main id="main" tabIndex={-1}>
                <h1>{title}</h1>
                <View path={path} query={address.query} />
            </main>
        </>
    );
}

function View({ path, query }: Address) {
    if (path.startsWith("/trace/")) {
        const id = path.slice("/trace/".length);
        return <TraceView key={id} id={id} query={query} />;
    }
    switch (path) {
        case "/search":
            return <Search query={query} />;
        case "/compare":
            return <Compare query={query} />;
        case "/map":
            return <ServiceMap query={query} />;
        case "/operations":
            return <OperationsView query={query} />;
        case "/live":
            return <Live query={query} />;
        case "/alerts":
            return <AlertsView query={query} />;
        case "/status":
            return <StatusView />;
        default:
            return (
                <Empty title="There is nothing at this address">
                    <p>
                        <a href="/search">Search for traces</a>, or choose another view above.
                    </p>
                </Empty>
            );
    }
}

function OpenTrace() {
    return (
        <form
            class="open"
            onSubmit={(event) => {
                event.preventDefault();
                const id = new FormData(event.currentTarget).get("id");
                if (typeof id === "string" && id.trim() !== "") go(`/trace/${encodeURIComponent(id.trim())}`);
            }}
        >
            <input name="id" aria-label="Trace ID" placeholder="Trace ID" size={20} autocomplete="off" spellcheck={false} />
            <button type="submit">Open</button>
        </form>
    );
}

startTheme();
followLinks();
const page = document.getElementById("page");
if (page) render(<App />, page);
