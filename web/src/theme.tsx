// Dark or light: as the system has it, unless chosen here.

import { useState } from "preact/hooks";

const CHOICE = "tracer.theme";
const CHOICES = ["system", "light", "dark"] as const;
type Theme = (typeof CHOICES)[number];

function chosen(): Theme {
    const choice = localStorage.getItem(CHOICE);
    return CHOICES.find((theme) => theme === choice) ?? "system";
}

function apply(theme: Theme): void {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    window.dispatchEvent(new Event(CHOICE));
}

/** Whether the page is dark now. */
export function isDark(): boolean {
    const theme = chosen();
    return theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

/** Calls back when the colours change. */
export function onTheme(change: () => void): () => void {
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", change);
    window.addEventListener(CHOICE, change);
    return () => {
        system.removeEventListener("change", change);
        window.removeEventListener(CHOICE, change);
    };
}

export function startTheme(): void {
    apply(chosen());
}

export function ThemeChoice() {
    const [theme, setTheme] = useState(chosen);
    const choose = (value: string) => {
        const next = CHOICES.find((choice) => choice === value) ?? "system";
        localStorage.setItem(CHOICE, next);
        setTheme(next);
        apply(next);
    };
    return (
        <label class="theme">
            Theme{" "}
            <select value={theme} onChange={(event) => choose(event.currentTarget.value)}>
                {CHOICES.map((choice) => (
                    <option key={choice}>{choice}</option>
                ))}
            </select>
        </label>
    );
}
