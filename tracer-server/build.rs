//! Embeds the page that `cargo xtask web` built. Without one, a message in its place that says how to get it.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Where the page is built, and what it is made of; relative to this package.
const BUILT: &str = "../web/dist";
const FILES: [&str; 4] = ["index.html", "page.js", "page.css", "icon.svg"];

/// The message.
const PLAIN: &str = "src/api/page/plain.html";

fn main() -> io::Result<()> {
    // The directory is always there, so a page that appears or goes away is noticed.
    println!("cargo::rerun-if-changed={BUILT}");
    println!("cargo::rerun-if-changed={PLAIN}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let built = Path::new(BUILT);
    let files: Vec<(&str, PathBuf)> = if FILES.iter().all(|name| built.join(name).is_file()) {
        FILES.iter().map(|name| (*name, built.join(name))).collect()
    } else {
        vec![("index.html", PathBuf::from(PLAIN))]
    };
    let mut table = Vec::new();
    writeln!(table, "&[")?;
    for (name, from) in files {
        let to = out.join(name);
        fs::copy(from, &to)?;
        writeln!(table, "    ({name:?}, include_bytes!({:?}).as_slice()),", to.display().to_string())?;
    }
    writeln!(table, "]")?;
    fs::write(out.join("page.rs"), table)
}
