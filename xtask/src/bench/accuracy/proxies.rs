//! The proxies among the front services, and what they are told.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::runtimes::{Place, tool, write};
use crate::bench::process::service;

pub(super) fn nginx(place: &Place<'_>, keepalive: &str) -> Result<Command> {
    let directory = place.directory.display();
    let persistent =
        if keepalive.is_empty() { "" } else { "proxy_http_version 1.1; proxy_set_header Connection \"\";" };
    let configuration = format!(
        "user root; daemon off; master_process off; pid {directory}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000;\n\
           client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;\n\
           fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;\n\
           upstream back {{ server {}; {keepalive} }}\n\
           server {{ listen {} backlog=4096; location /front/one/ {{ proxy_pass http://back/back/; {persistent} }} }}\n\
         }}\n",
        place.back, place.front
    );
    let file = write(place, "nginx.conf", &configuration)?;
    let mut command = service("nginx");
    command.arg("-e").arg(place.directory.join("nginx.log")).arg("-c").arg(file);
    Ok(command)
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
