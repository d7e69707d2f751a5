//! `cargo xtask bench cost`: instructions that tracing adds to a request, counted in an emulated machine whose clock counts them.
//!
//! The same work repeats within a percent however busy the machine is that runs it. It prices neither cache misses nor traps.

mod output;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use self::output::Measured;
use super::nginx::{self, Scheme};
use super::{Common, page, report};
use crate::build;
use crate::shell::{say, which};
use crate::vm::{
    self,
    lock::Lock,
    machine::{self, Clock, Contents},
};
use crate::workspace::{Profile, Workspace};

/// Most time that a machine may take.
const LIMIT: Duration = Duration::from_mins(30);
/// Debian's interpreter, which is the one that is known to need nothing but its own library.
const PYTHON: &str = "/usr/bin/python3";
/// Where the static page is served.
const PAGE: ([u8; 4], u16) = ([127, 0, 0, 1], 8000);
/// A backend that takes everything and keeps nothing.
const SINK: &str = "user root; daemon off; master_process off; pid /sink/pid;
events { worker_connections 64; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path /sink/body; proxy_temp_path /sink/proxy;
  fastcgi_temp_path /sink/fastcgi; uwsgi_temp_path /sink/uwsgi; scgi_temp_path /sink/scgi;
  server { listen 127.0.0.1:4318; location / { return 200; } }
}
";

/// Options of `cargo xtask bench cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A kernel by name (tests/vm/packages.json); may be repeated.
    #[arg(long = "kernel", value_name = "KERNEL", default_value = "6.1")]
    kernels: Vec<String>,
    /// Length of each load, in seconds of the emulated machine: billions of instructions.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    #[command(flatten)]
    common: Common,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// The command that repeats it.
    command: String,
    machines: Vec<Machine>,
}

/// What was measured on a kernel.
#[derive(Debug, Serialize)]
struct Machine {
    kernel: String,
    release: String,
    #[serde(flatten)]
    measured: Measured,
}

/// `cargo xtask bench cost`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let lock = Lock::read(workspace.root())?;
    let kernels = lock.chosen(&args.kernels)?;
    let images = vm::prepare(&workspace.target_dir().join("vm"), &lock, &kernels)?;
    let daemon = match &args.common.daemon {
        Some(path) => {
            path.canonicalize().with_context(|| format!("There is no daemon at {}.", path.display()))?
        }
        None => build::build(&workspace, Profile::Release)?,
    };
    let (contents, python) = contents(workspace.root(), &images.busybox, &daemon)?;
    let job = std::fs::read_to_string(workspace.root().join("tests/vm/cost"))
        .context("tests/vm/cost could not be read.")?
        .replace("@python@", &python.display().to_string())
        .replace("@seconds@", &args.seconds.to_string());
    let mut machines = Vec::new();
    for (kernel, image) in kernels.into_iter().zip(&images.kernels) {
        say(format!("kernel {} ({}): minutes.", kernel.name, kernel.release));
        let output = machine::run(image, &contents, &job, Clock::Instructions, LIMIT)?;
        let measured = output::read(&output)
            .with_context(|| format!("The machine's output makes no sense:\n{output}"))?;
        machines.push(Machine { kernel: kernel.name.clone(), release: kernel.release.clone(), measured });
    }
    let kernels: String =
        args.kernels.iter().fold(String::new(), |text, kernel| text + " --kernel " + kernel);
    let command = format!("cargo xtask bench cost{kernels} --seconds {}", args.seconds);
    let report = Report { command, machines };
    let text = table::text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "cost", &text)?;
    }
    Ok(())
}

/// The daemon, the workloads and who asks them. Also says where the interpreter is.
fn contents(root: &Path, busybox: &Path, daemon: &Path) -> Result<(Contents, PathBuf)> {
    let mut contents = Contents::new(root, busybox)?;
    contents.program("tracer", daemon)?;
    for (name, package) in [("nginx", "nginx-light"), ("wrk", "wrk")] {
        let program = which(name).with_context(|| {
            format!("The benchmark needs {name}, which is not here; install it (Debian's package is called {package}).")
        })?;
        contents.program(name, &program)?;
    }
    let python = Path::new(PYTHON)
        .canonicalize()
        .with_context(|| format!("The benchmark needs {PYTHON} (Debian's package is called python3)."))?;
    contents.installed(&python)?;
    modules(root, &python, &mut contents)?;
    contents.file("/pair.py", std::fs::read(root.join("tests/vm/pair.py"))?);
    let page = nginx::configuration(Path::new("/srv"), PAGE.into(), Scheme::Http);
    contents.file("/srv/nginx.conf", page);
    contents.file("/srv/pages/page.html", nginx::page());
    contents.file("/sink/nginx.conf", SINK);
    // nginx looks its user up.
    contents.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    contents.file("/etc/group", "root:x:0:\n");
    Ok((contents, python))
}

/// Those modules of Python's library that `pair.py` needs. Without their sources: what is compiled is refused beside a source of another time.
fn modules(root: &Path, python: &Path, contents: &mut Contents) -> Result<()> {
    let compiled = tempfile::tempdir()?;
    let list = root.join("tests/vm/modules.py");
    let output = Command::new(python).args(["-I", "-S"]).arg(list).arg(compiled.path()).output()?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        python.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    for line in String::from_utf8(output.stdout)?.lines() {
        match line.split_once('\t') {
            Some((source, compiled)) => contents.file(&format!("{source}c"), std::fs::read(compiled)?),
            None => contents.installed(Path::new(line))?,
        }
    }
    Ok(())
}
