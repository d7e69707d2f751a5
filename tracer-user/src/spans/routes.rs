//! `http.route` and span names: by the user's patterns, else by a guess, bounded for each service.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use tracer_protocols::{
    http1::Method,
    route::{PatternError, RoutePatterns, guess},
};

use crate::config::Http;

/// Routes of all services.
#[derive(Debug)]
pub struct Routes {
    config: Http,
    services: HashMap<Arc<str>, Service, RandomState>,
    /// Reused by every guess.
    buffer: String,
}

/// Services remembered at a time; more than one host runs.
const MAX_SERVICES: usize = 4096;

#[derive(Debug)]
struct Service {
    patterns: RoutePatterns,
    known: HashMap<Box<str>, Route, RandomState>,
    calls: HashSet<Arc<str>, RandomState>,
}

/// A route and the span names made of it.
#[derive(Clone, Debug)]
struct Route {
    route: Arc<str>,
    names: Vec<(Method, Arc<str>)>,
}

/// What a span takes from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `{method} {route}`, or the method alone.
    pub name: Arc<str>,
    /// `http.route`
    pub route: Option<Arc<str>>,
}

impl Routes {
    /// No route yet. Fails on a pattern that makes no sense.
    pub fn new(config: Http) -> Self {
        Self { config, services: HashMap::default(), buffer: String::new() }
    }

    /// Makes sure that a service is known.
    fn learn(&mut self, service: &Arc<str>) {
        if !self.services.contains_key(service) {
            if self.services.len() >= MAX_SERVICES {
                self.services.clear();
            }
            // Patterns were checked when the configuration was loaded; one that does not compile matches nothing.
            let patterns = compile(&self.config, service).unwrap_or_default();
            let (known, calls) = Default::default();
            self.services.insert(service.clone(), Service { patterns, known, calls });
        }
    }

    /// The method of a gRPC call of `service` as shared text; `None` beyond as many as there may be routes.
    pub fn call(&mut self, service: &Arc<str>, method: &str) -> Option<Arc<str>> {
        self.learn(service);
        let calls = &mut self.services.get_mut(service)?.calls;
        if let Some(known) = calls.get(method) {
            return Some(known.clone());
        }
        if calls.len() >= self.config.max_routes_per_service as usize {
            return None;
        }
        let shared: Arc<str> = method.into();
        calls.insert(shared.clone());
        Some(shared)
    }

    /// Name and route of a request that `service` received.
    pub fn name(&mut self, service: &Arc<str>, method: Method, path: &str) -> Named {
        self.learn(service);
        let Some(known) = self.services.get_mut(service) else {
            return Named { name: bare(method), route: None };
        };
        let route = match known.patterns.find(path) {
            Some(pattern) => pattern,
            None if self.config.route_guess => {
                self.buffer.clear();
                guess(path, &mut self.buffer);
                &self.buffer
            }
            None => return Named { name: bare(method), route: None },
        };
        let full = known.known.len() >= self.config.max_routes_per_service as usize;
        let known = match known.known.get_mut(route) {
            Some(known) => known,
            None if full => return Named { name: bare(method), route: None },
            None => known
                .known
                .entry(route.into())
                .or_insert_with(|| Route { route: route.into(), names: Vec::new() }),
        };
        let name =
            remembered(&mut known.names, method, || format!("{} {}", method_name(method), known.route));
        Named { name, route: Some(known.route.clone()) }
    }
}

/// The patterns that the configuration has for a service.
pub fn compile(config: &Http, service: &str) -> Result<RoutePatterns, PatternError> {
    RoutePatterns::new(&config.routes.for_service(service).collect::<Vec<_>>())
}

/// The method as span names show it: `HTTP` for one that the conventions do not know.
pub fn method_name(method: Method) -> &'static str {
    if method.is_conventional() { method.as_str() } else { "HTTP" }
}

/// The name of a span without a route.
pub fn bare(method: Method) -> Arc<str> {
    thread_local! {
        static NAMES: std::cell::RefCell<Vec<(Method, Arc<str>)>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    NAMES.with_borrow_mut(|names| remembered(names, method, || method_name(method).to_owned()))
}

/// The name for a method, made the first time.
fn remembered(
    names: &mut Vec<(Method, Arc<str>)>,
    method: Method,
    make: impl FnOnce() -> String,
) -> Arc<str> {
    if let Some((_, name)) = names.iter().find(|(named, _)| *named == method) {
        return name.clone();
    }
    let name: Arc<str> = make().into();
    names.push((method, name.clone()));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_paths_become_one_route_and_one_name() {
        let mut routes = Routes::new(Http::default());
        let service: Arc<str> = "shop".into();
        let a = routes.name(&service, Method::Get, "/users/42");
        let b = routes.name(&service, Method::Get, "/users/43");
        assert_eq!(a, b);
        assert!(Arc::ptr_eq(&a.name, &b.name), "names are shared");
        assert_eq!(&*a.name, "GET /users/{id}");
        assert_eq!(&*routes.name(&service, Method::Post, "/users/43").name, "POST /users/{id}");
    }

    #[test]
    fn beyond_the_bound_the_route_is_left_out() {
        let mut routes = Routes::new(Http { max_routes_per_service: 2, ..Http::default() });
        let service: Arc<str> = "shop".into();
        for path in ["/a", "/b"] {
            assert!(routes.name(&service, Method::Get, path).route.is_some());
        }
        assert_eq!(routes.name(&service, Method::Get, "/c"), Named { name: "GET".into(), route: None });
        assert!(routes.name(&service, Method::Get, "/a").route.is_some(), "known ones stay");
        assert!(routes.name(&"other".into(), Method::Get, "/c").route.is_some(), "the bound is per service");
    }

    #[test]
    fn calls_are_bounded_too() {
        let mut routes = Routes::new(Http { max_routes_per_service: 1, ..Http::default() });
        let service: Arc<str> = "shop".into();
        let first = routes.call(&service, "a.B/C").unwrap();
        assert_eq!(routes.call(&service, "a.B/D"), None);
        assert!(Arc::ptr_eq(&first, &routes.call(&service, "a.B/C").unwrap()));
    }

    #[test]
    fn an_unknown_method_is_http() {
        assert_eq!(&*bare(Method::Other), "HTTP");
        let mut routes = Routes::new(Http { route_guess: false, ..Http::default() });
        assert_eq!(&*routes.name(&"x".into(), Method::Get, "/a").name, "GET");
    }
}
