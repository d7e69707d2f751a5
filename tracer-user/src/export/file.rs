//! Spans as JSON lines in a file that does not grow for ever.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::json;
use crate::spans::span::Span;

/// A file of OTLP/JSON lines, or standard output. Nothing is forced to the disk.
#[derive(Debug)]
pub struct JsonFile {
    place: Place,
    scope_version: &'static str,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Place {
    Stdout,
    File { path: PathBuf, max_bytes: u64, file: File, bytes: u64 },
}

impl JsonFile {
    /// Appends to the file at `path`, or to standard output if that is empty. A file that has `max_bytes` becomes `<path>.1`, in place of
    /// an earlier one, and a new one is begun; 0 is no bound.
    pub fn open(path: &Path, max_bytes: u64, scope_version: &'static str) -> io::Result<Self> {
        let place = if path.as_os_str().is_empty() {
            Place::Stdout
        } else {
            let file = append(path)?;
            let bytes = file.metadata()?.len();
            Place::File { path: path.to_owned(), max_bytes, file, bytes }
        };
        Ok(Self { place, scope_version, buffer: Vec::new() })
    }

    /// Writes spans, whole lines at a time.
    pub fn write(&mut self, spans: &[Span]) -> io::Result<()> {
        self.buffer.clear();
        for span in spans {
            json::write_line(&mut self.buffer, span, self.scope_version)?;
        }
        match &mut self.place {
            Place::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&self.buffer)?;
                out.flush()
            }
            Place::File { path, max_bytes, file, bytes } => {
                let more = self.buffer.len() as u64;
                if *max_bytes > 0 && *bytes > 0 && *bytes + more > *max_bytes {
                    let mut old = path.clone().into_os_string();
                    old.push(".1");
                    std::fs::rename(&*path, old)?;
                    *file = append(path)?;
                    *bytes = 0;
                }
                let written = file.write_all(&self.buffer);
                match written {
                    Ok(()) => *bytes += more,
                    // Half a line would spoil the next one too.
                    Err(_) => file.set_len(*bytes)?,
                }
                written
            }
        }
    }
}

/// Spans may hold what not everybody is to read.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    #[test]
    fn lines_are_appended_and_the_file_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spans.jsonl");
        let spans = [span(7, &service("web"), SpanKind::Server, "GET /")];
        let mut file = JsonFile::open(&path, 0, "1").unwrap();
        file.write(&spans).unwrap();
        let line = std::fs::read_to_string(&path).unwrap();
        let length = line.len() as u64;
        assert!(line.ends_with("}\n") && line.contains("\"traceId\""), "{line}");

        let mut file = JsonFile::open(&path, 3 * length, "1").unwrap();
        for _ in 0..6 {
            file.write(&spans).unwrap();
        }
        // One from before and two, then three, then one.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        assert_eq!(std::fs::read_to_string(directory.path().join("spans.jsonl.1")).unwrap(), line.repeat(3));
    }

    #[test]
    fn a_place_that_does_not_exist_is_an_error() {
        assert!(JsonFile::open(Path::new("/nowhere/at/all"), 0, "1").is_err());
    }
}
