//! A path with placeholders for what looks like an identifier.

use super::{
    kinds::Kinds,
    word::{self, Word},
};

/// Segments of a route. What is deeper in a path says little about which code handles it.
pub const MAX_SEGMENTS: usize = 10;

/// Bytes of a segment that is looked at word by word; longer ones are content, not names.
const MAX_SEGMENT: usize = 80;

/// Words of a segment, joined by `-` and `_`, beyond which it is a title (`/blog/how-to-trace-a-service-without-code`).
const MAX_NAME_WORDS: usize = 5;

/// Digits of the shortest date that is digits alone, `YYYYMMDD`.
const DATE_DIGITS: usize = 8;

/// Endings of static files: their names are kept, digits and all, but not the hashes in them.
const FILE_ENDINGS: [&str; 34] = [
    "js",
    "mjs",
    "css",
    "map",
    "html",
    "htm",
    "xhtml",
    "php",
    "jsp",
    "asp",
    "aspx",
    "cgi",
    "do",
    "json",
    "xml",
    "txt",
    "ico",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "avif",
    "woff",
    "woff2",
    "ttf",
    "eot",
    "wasm",
    "webmanifest",
    "pdf",
    "md",
    "gz",
    "zip",
];

/// Appends to `out` a guess at the route of `path` (a path without query).
///
/// Placeholders are `{id}` (numbers), `{uuid}`, `{hash}` (hexadecimal), `{date}`, `{email}`, `{ip}`, `{token}` (base64 and other
/// opaque text), `{name}` (behind `@`), `{slug}` (titles) and `{text}` (percent-encoded text). They replace a segment or,
/// where a segment is several words, the words in question: `/orders/order-1234.json` gives `/orders/order-{id}.json`.
/// Behind [`MAX_SEGMENTS`] a route ends in `/*`.
pub fn guess(path: &str, out: &mut String) {
    let Some(rest) = path.strip_prefix('/') else {
        out.push_str(path);
        return;
    };
    let mut rest = Some(rest);
    let mut at = 0;
    while let Some(text) = rest {
        out.push('/');
        if at == MAX_SEGMENTS {
            out.push('*');
            return;
        }
        let end = text.bytes().position(|byte| byte == b'/');
        let (segment, behind) = text.split_at(end.unwrap_or(text.len()));
        push_segment(segment, out);
        rest = end.map(|_| &behind[1..]);
        at += 1;
    }
}

fn push_segment(segment: &str, out: &mut String) {
    let kinds = Kinds::of(segment);
    // What most segments are; all that follows would come to the same.
    if kinds.are_of(Kinds::LOWER) && word::is_short(segment) {
        out.push_str(segment);
        return;
    }
    if kinds.are_of(Kinds::DIGIT) && segment.len() < DATE_DIGITS {
        out.push_str("{id}");
        return;
    }
    // Matrix parameters (RFC 3986 section 3.3) hold values such as session ids.
    let matrix = if kinds.has(Kinds::OTHER) { segment.split_once(';') } else { None };
    let (segment, kinds) = match matrix {
        Some((before, _)) => (before, Kinds::of(before)),
        None => (segment, kinds),
    };
    match whole(segment, kinds) {
        Some(placeholder) => out.push_str(placeholder),
        None => push_words(segment, kinds, out),
    }
    if matrix.is_some() {
        out.push_str(";*");
    }
}

/// The placeholder for a segment that is one thing.
fn whole(segment: &str, kinds: Kinds) -> Option<&'static str> {
    if segment.len() > MAX_SEGMENT {
        return Some(if word::is_opaque(segment) { "{token}" } else { "{text}" });
    }
    let bytes = segment.as_bytes();
    if kinds.has(Kinds::OTHER) {
        if !segment.is_ascii() {
            return Some("{text}");
        }
        if bytes.contains(&b'@') || contains_encoded_at(bytes) {
            let email = !segment.starts_with('@') && segment.contains('.');
            return Some(if email { "{email}" } else { "{name}" });
        }
        if bytes.contains(&b'%') {
            return Some("{text}");
        }
    }
    if word::is_uuid(bytes) {
        return Some("{uuid}");
    }
    if kinds.has(Kinds::DIGIT) && word::is_date(bytes) {
        return Some("{date}");
    }
    if kinds.has(Kinds::DOT | Kinds::OTHER) && word::is_ip(segment) {
        return Some("{ip}");
    }
    if kinds.has(Kinds::DOT) && word::is_signed_token(segment) {
        return Some("{token}");
    }
    if !kinds.has(Kinds::DASH) {
        return None;
    }
    let words = segment.split(['-', '_']).filter(|word| !word.is_empty()).count();
    // Base64 for URLs uses `-` and `_` as digits; a title is lower-case words.
    (words > MAX_NAME_WORDS).then_some(if word::is_opaque(segment) { "{token}" } else { "{slug}" })
}

fn contains_encoded_at(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"%40").is_some()
}

fn push_words(segment: &str, kinds: Kinds, out: &mut String) {
    let is_separator = |c: char| !c.is_ascii_alphanumeric();
    let file = kinds.has(Kinds::DOT)
        && segment.rsplit_once('.').is_some_and(|(name, ending)| {
            !name.is_empty() && FILE_ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
        });
    let several = kinds.has(Kinds::DASH | Kinds::DOT | Kinds::OTHER);
    // `-` and `_` may be digits of base64, or set a type off from an identifier: `user-5e6b4b0d`.
    if several && !file && word::is_opaque(segment) && !is_typed(segment, is_separator) {
        out.push_str("{token}");
        return;
    }
    if kinds.has(Kinds::DIGIT) && is_version(segment) {
        out.push_str(segment);
        return;
    }
    if !several {
        push_word(segment, false, out);
        return;
    }
    for piece in segment.split_inclusive(is_separator) {
        let text = piece.trim_end_matches(is_separator);
        push_word(text, file, out);
        out.push_str(&piece[text.len()..]);
    }
}

/// `versions`: version and page numbers of files say which file it is.
fn push_word(text: &str, versions: bool, out: &mut String) {
    match word::classify(text) {
        Word::Number if versions && text.len() <= 2 => out.push_str(text),
        Word::Number => out.push_str("{id}"),
        Word::Numbered { digits } => {
            out.push_str(&text[..text.len() - digits]);
            out.push_str("{id}");
        }
        Word::Hash => out.push_str("{hash}"),
        Word::Opaque => out.push_str("{token}"),
        Word::Name => out.push_str(text),
    }
}

/// The words of `segment` are lower-case names, but for one at the end.
fn is_typed(segment: &str, is_separator: impl Fn(char) -> bool) -> bool {
    segment.rsplit_once(&is_separator).is_some_and(|(types, identifier)| {
        let name = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase());
        types.split(&is_separator).all(name) && word::classify(identifier) != Word::Name
    })
}

/// `v1`, `v1.2`, `2.0`, `v1beta1`: which API, not which thing.
fn is_version(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let dotted = |text: &[u8]| {
        text.len() <= 6
            && text
                .split(|&b| b == b'.')
                .all(|n| !n.is_empty() && n.len() <= 2 && n.iter().all(u8::is_ascii_digit))
    };
    match bytes {
        [b'v' | b'V', rest @ ..] => dotted(rest),
        _ => bytes.contains(&b'.') && dotted(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> String {
        let mut out = String::new();
        guess(path, &mut out);
        out
    }

    fn check(cases: &[(&str, &str)]) {
        for (path, expected) in cases {
            assert_eq!(route(path), *expected, "{path}");
        }
    }

    #[test]
    fn names_are_kept() {
        for path in [
            "",
            "*",
            "/",
            "//",
            "/index.html",
            "/api/v1/users",
            "/API/V2/getUserPreferencesByAccountId",
            "/a/b/",
            "/2.0/repositories",
            "/v1.41/containers/json",
            "/apis/apps/v1beta1/deployments",
            "/oauth2/token",
            "/s3/bucket",
            "/.well-known/openid-configuration",
            "/jquery-3.6.0.min.js",
            "/static/app.js",
            "/wp-login.php",
            "/healthz",
            "/metrics",
            "/base64/decode",
            "/rhythms/strengths",
            "/terms-and-conditions",
            "/_next/data",
            "/users/me",
            "/favicon.ico",
            "/facade/decade",
            "/internationalization",
        ] {
            assert_eq!(route(path), path);
        }
    }

    #[test]
    fn identifiers() {
        check(&[
            ("/users/42", "/users/{id}"),
            ("/users/42/orders/7", "/users/{id}/orders/{id}"),
            ("/files/12345.jpg", "/files/{id}.jpg"),
            ("/orders/order-1234", "/orders/order-{id}"),
            ("/user12345/profile", "/user{id}/profile"),
            ("/u/550e8400-e29b-41d4-a716-446655440000", "/u/{uuid}"),
            ("/u/550E8400-E29B-41D4-A716-446655440000/x", "/u/{uuid}/x"),
            ("/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/commit/{hash}"),
            ("/commit/5e6b4b0d", "/commit/{hash}"),
            ("/hook/user-5e6b4b0d99", "/hook/user-{hash}"),
            ("/doc/507f1f77bcf86cd799439011", "/doc/{hash}"),
            ("/static/main-4f3e2d1c.css", "/static/main-{hash}.css"),
            ("/static/app.3f2a1b9c.chunk.js", "/static/app.{hash}.chunk.js"),
            ("/report/2024-02-29", "/report/{date}"),
            ("/report/20240229", "/report/{date}"),
            ("/report/2024-02", "/report/{date}"),
            ("/report/2024-02-29T10:00:00Z", "/report/{date}"),
            ("/hosts/10.0.0.1", "/hosts/{ip}"),
            ("/hosts/fe80::1", "/hosts/{ip}"),
            ("/by-mail/alice@example.com", "/by-mail/{email}"),
            ("/by-mail/alice%40example.com", "/by-mail/{email}"),
            ("/@alice/posts", "/{name}/posts"),
        ]);
    }

    #[test]
    fn opaque_text() {
        check(&[
            ("/v1/charges/ch_3MmlLrLkdIwHu7ix0snN0B15", "/v1/charges/ch_{token}"),
            ("/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/{token}"),
            ("/t/V1StGXR8_Z5jdHi6B-myT", "/t/{token}"),
            ("/watch/dQw4w9WgXcQ", "/watch/{token}"),
            ("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "/t/{token}"),
            ("/t/SGVsbG8gV29ybGQhIQ==", "/t/{token}"),
            ("/search/caf%C3%A9", "/search/{text}"),
            ("/search/caf\u{e9}", "/search/{text}"),
            ("/a;jsessionid=1A530637289A03B07199A44E8D531427/b", "/a;*/b"),
            ("/blog/how-to-trace-a-service-without-code", "/blog/{slug}"),
        ]);
        let long = "word".repeat(30);
        assert_eq!(route(&format!("/x/{long}")), "/x/{text}");
    }

    #[test]
    fn deep_paths_end_in_a_star() {
        assert_eq!(route("/a/b/c/d/e/f/g/h/i/j"), "/a/b/c/d/e/f/g/h/i/j");
        assert_eq!(route("/a/b/c/d/e/f/g/h/i/j/k/l"), "/a/b/c/d/e/f/g/h/i/j/*");
    }
}
