//! The proxies among the front services, and what they are told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::runtimes::{Place, tool, write};
use crate::bench::process::service;

pub(super) fn nginx(place: &Place<'_>, keepalive: &str) -> Result<Command> {
    let persistent =
        if keepalive.is_empty() { "" } else { "proxy_http_version 1.1; proxy_set_header Connection \"\";" };
    let upstream = format!("upstream back {{ server {}; {keepalive} }}", place.back);
    let location = format!("location /front/one/ {{ proxy_pass http://back/back/; {persistent} }}");
    let file = nginx_configuration(place, &upstream, &location)?;
    let mut command = service("nginx");
    command.arg("-e").arg(place.directory.join("nginx.log")).arg("-c").arg(file);
    Ok(command)
}

/// nginx and PHP-FPM under a shell that ends both.
pub(super) fn php_fpm(place: &Place<'_>) -> Result<Command> {
    let (directory, back) = (place.directory.display(), place.back);
    let script = place.apps.join("fpm.php");
    let location = format!(
        "location / {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME {}; \
         fastcgi_pass unix:{directory}/fpm.sock; }}",
        script.display()
    );
    let nginx = nginx_configuration(place, "", &location)?;
    let pool = format!(
        "[global]\ndaemonize = no\nerror_log = {directory}/fpm.log\n\
         [front]\nuser = root\ngroup = root\nlisten = {directory}/fpm.sock\nlisten.backlog = 4096\n\
         pm = static\npm.max_children = 16\nenv[BACK] = http://{back}\n"
    );
    let fpm = write(place, "fpm.conf", &pool)?;
    let mut command = service("sh");
    command.arg("-c").arg(format!(
        "php-fpm8.2 --allow-to-run-as-root --no-php-ini --fpm-config {} & fpm=$!; \
         nginx -e {directory}/nginx.log -c {} & nginx=$!; \
         trap 'kill $fpm $nginx' TERM; wait",
        fpm.display(),
        nginx.display()
    ));
    Ok(command)
}

/// One process of nginx at the address of the front service.
fn nginx_configuration(place: &Place<'_>, upstream: &str, location: &str) -> Result<PathBuf> {
    let directory = place.directory.display();
    let configuration = format!(
        "user root; daemon off; master_process off; pid {directory}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000;\n\
           client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;\n\
           fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;\n\
           {upstream}\n\
           server {{ listen {} backlog=4096; {location} }}\n\
         }}\n",
        place.front
    );
    write(place, "nginx.conf", &configuration)
}

pub(super) fn haproxy(place: &Place<'_>) -> Result<Command> {
    let configuration = format!(
        "global\n  nbthread 1\n\
         defaults\n  mode http\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n\
         frontend front\n  bind {}\n  http-request replace-path /front/one/(.*) /back/\\1\n  default_backend back\n\
         backend back\n  http-reuse always\n  server back {}\n",
        place.front, place.back
    );
    let mut command = service("haproxy");
    command.arg("-db").arg("-f").arg(write(place, "haproxy.cfg", &configuration)?);
    Ok(command)
}

pub(super) fn envoy(place: &Place<'_>) -> Result<Command> {
    let (front, back) = (place.front, place.back);
    let address = |of: SocketAddr| {
        format!("{{ socket_address: {{ address: {}, port_value: {} }} }}", of.ip(), of.port())
    };
    // The ids of requests from outside are replaced, unless it is told to keep them.
    let configuration = format!(
        "static_resources:
  listeners:
  - address: {}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          preserve_external_request_id: true
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              routes:
              - match: {{ prefix: /front/one/ }}
                route: {{ cluster: back, prefix_rewrite: /back/ }}
  clusters:
  - name: back
    connect_timeout: 10s
    load_assignment:
      cluster_name: back
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {} }}
",
        address(front),
        address(back)
    );
    let mut command = service(tool(place, "envoy"));
    command.args(["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]);
    command.arg("-c").arg(write(place, "envoy.yaml", &configuration)?);
    Ok(command)
}
