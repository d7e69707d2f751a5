// Conditions on attributes, as people write them into one field: `http.route=/cart error.type="timed out"`.

/** Splits at spaces outside of double quotes; the quotes go, `\"` stays a quote. */
export function splitTags(text: string): string[] {
    const tags: string[] = [];
    let tag = "";
    let begun = false;
    let quoted = false;
    for (let i = 0; i < text.length; i++) {
        const c = text.charAt(i);
        if (c === "\\" && (text[i + 1] === '"' || text[i + 1] === "\\")) {
            i += 1;
            tag += text.charAt(i);
            begun = true;
        } else if (c === '"') {
            quoted = !quoted;
            begun = true;
        } else if (!quoted && /\s/.test(c)) {
            if (begun) tags.push(tag);
            tag = "";
            begun = false;
        } else {
            tag += c;
            begun = true;
        }
    }
    if (begun) tags.push(tag);
    return tags;
}

/** The other way round. */
export function joinTags(tags: string[]): string {
    return tags.map(quote).join(" ");
}

function quote(tag: string): string {
    const escaped = tag.replace(/[\\"]/g, "\\$&");
    return /\s/.test(tag) || tag === "" ? `"${escaped}"` : escaped;
}
