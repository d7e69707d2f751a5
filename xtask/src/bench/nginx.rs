//! The traced server: nginx as one process, with a static page and one from its configuration.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process::{Running, service};

/// How long nginx may take to listen.
const START: Duration = Duration::from_secs(10);

/// What nginx speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// In clear.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A running nginx. Ended when dropped.
#[derive(Debug)]
pub(super) struct Nginx {
    process: Running,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// What it speaks.
    pub(super) scheme: Scheme,
}

impl Nginx {
    /// Starts it with everything it writes in `directory`, and waits until it listens.
    pub(super) fn start(directory: &Path, scheme: Scheme) -> Result<Self> {
        let address = free_address()?;
        let log = directory.join("nginx.log");
        let file = directory.join("nginx.conf");
        fs::create_dir_all(directory.join("pages"))?;
        fs::write(directory.join("pages/page.html"), page())?;
        if scheme == Scheme::Https {
            let rcgen::CertifiedKey { cert, signing_key } =
                rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
                    .context("No certificate could be made.")?;
            fs::write(directory.join("certificate.pem"), cert.pem() + &signing_key.serialize_pem())?;
        }
        fs::write(&file, configuration(directory, address, scheme))
            .with_context(|| format!("{} could not be written.", file.display()))?;
        let mut process = Running::start(
            service("nginx").arg("-p").arg(directory).arg("-e").arg(&log).arg("-c").arg(&file),
        )?;
        process.listens(address, START, &log)?;
        Ok(Self { process, address, scheme })
    }

    /// Its process id: that of the one process which does the work.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// An address of the loopback interface on which nobody listens.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("No port of the loopback interface could be opened.")?;
    Ok(listener.local_addr()?)
}

/// The static page, about 600 bytes.
pub(super) fn page() -> String {
    let lines = (1..=14).map(|line| format!("<li>A line of a page, number {line:02}.</li>\n"));
    format!(
        "<!doctype html>\n<title>A page</title>\n<h1>A page</h1>\n<ul>\n{}</ul>\n",
        lines.collect::<String>()
    )
}

/// One process (no master that would have to be ended with its worker), no log, connections that never end.
pub(super) fn configuration(directory: &Path, address: SocketAddr, scheme: Scheme) -> String {
    let directory = directory.display();
    let tls = match scheme {
        Scheme::Http => String::new(),
        Scheme::Https => {
            format!(
                " ssl; ssl_certificate {directory}/certificate.pem; ssl_certificate_key {directory}/certificate.pem"
            )
        }
    };
    format!(
        "user root; daemon off; master_process off; pid {directory}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/html;\n\
           client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;\n\
           fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;\n\
           server {{\n\
             listen {address} backlog=4096{tls};\n\
             location = /hello {{ return 200 \"hello world\\n\"; }}\n\
             location / {{ root {directory}/pages; }}\n\
           }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_size_that_the_tables_name() {
        assert!((550..650).contains(&page().len()), "{}", page().len());
    }
}
