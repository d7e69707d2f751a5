//! What the rules need to know of a Rust source: its paths and its words, without comments and strings.

use std::str::FromStr as _;

use proc_macro2::{TokenStream, TokenTree};

/// A source file as the rules see it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Every path: those in the code, and those that `use` names, each written out (`use a::{b, c}` is two).
    pub(super) paths: Vec<Spot>,
    /// Every identifier; that of a macro call with its `!`.
    pub(super) words: Vec<Spot>,
}

/// Something at a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// Reads a source file; the error is the line where it stops being Rust.
pub(super) fn read(text: &str) -> Result<Source, usize> {
    let stream = TokenStream::from_str(text).map_err(|error| error.span().start().line.max(1))?;
    let mut source = Source::default();
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    read_tokens(&tokens, &mut source);
    Ok(source)
}

fn read_tokens(tokens: &[TokenTree], source: &mut Source) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                read_tokens(&inner, source);
                at += 1;
            }
            // `use<'a>` in a bound captures lifetimes and imports nothing.
            TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at + 1), '<') => {
                let end =
                    (at..tokens.len()).find(|&at| is_punct(tokens.get(at), ';')).unwrap_or(tokens.len());
                read_use("", &tokens[at + 1..end], source);
                at = end;
            }
            TokenTree::Ident(_) => at = read_path(tokens, at, source),
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}

/// Reads the path (or the single word) that begins at `at`; returns where it ends.
fn read_path(tokens: &[TokenTree], mut at: usize, source: &mut Source) -> usize {
    let line = line(&tokens[at]);
    let mut path = String::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        let mut word_text = word.to_string();
        path += &word_text;
        at += 1;
        if is_punct(tokens.get(at), '!') {
            word_text.push('!');
        }
        source.words.push(Spot { line: word.span().start().line, text: word_text });
        if !is_path_separator(tokens, at) {
            break;
        }
        path += "::";
        at += 2;
    }
    let text = path.trim_end_matches("::").to_owned();
    source.paths.push(Spot { line, text });
    at
}

/// Writes out the tree behind `use`, each leaf as a path of its own.
fn read_use(prefix: &str, tokens: &[TokenTree], source: &mut Source) {
    for leaf in tokens.split(|token| is_punct(Some(token), ',')) {
        let mut path = prefix.to_owned();
        for token in leaf {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => {
                    path = if path.is_empty() { word.to_string() } else { format!("{path}::{word}") };
                }
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    read_use(&path, &inner, source);
                    path.clear();
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if let (Some(first), false) = (leaf.first(), path.is_empty()) {
            source.paths.push(Spot { line: line(first), text: path });
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(usize, String)> {
        let source = read(text).expect("Rust");
        source
            .paths
            .into_iter()
            .map(|spot| (spot.line, spot.text))
            .filter(|(_, text)| text.contains("::"))
            .collect()
    }

    #[test]
    fn imports_are_written_out() {
        let text = "use a::b;\nuse crate::{c, d::{self, e as f},\n  g::*};\nfn x() -> impl Y + use<'_> {}";
        let expected =
            [(1, "a::b"), (2, "crate::c"), (2, "crate::d::self"), (2, "crate::d::e"), (3, "crate::g")];
        assert_eq!(paths(text), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn paths_in_code_are_found() {
        let text = "fn f() {\n  let t = std::time::Instant::now();\n  Vec::<u8>::new();\n}";
        assert_eq!(paths(text), [(2, "std::time::Instant::now".to_owned())]);
    }

    #[test]
    fn comments_and_strings_say_nothing() {
        let text = "/// unsafe todo!()\n// use a::b;\nconst X: &str = \"unsafe { a::b }\";";
        let source = read(text).expect("Rust");
        assert!(source.words.iter().all(|word| word.text != "unsafe" && word.text != "todo!"), "{source:?}");
        assert_eq!(paths(text), []);
    }

    #[test]
    fn what_is_not_rust_is_refused_with_its_line() {
        assert_eq!(read("fn a() {}\nfn b( {"), Err(2));
    }
}
