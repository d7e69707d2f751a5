//! Process titles: what a program wrote over its arguments.

use super::{
    interpreter::{self, Interpreter},
    process::ProcessFacts,
    python,
};

/// The name in a title, where the first argument is one.
pub(super) fn name(facts: &ProcessFacts, interpreter: Option<Interpreter>) -> Option<String> {
    let title = facts.args.first()?.trim();
    if title.starts_with("Passenger ") {
        // "Passenger RubyApp: /var/www/shop/public (production)"
        let path = title.split_once(": ")?.1.split(" (").next()?;
        return interpreter::directory_name(path);
    }
    if let Some(celery) = title.strip_prefix("[celeryd: ") {
        // "[celeryd: celery@host:MainProcess] -active- (worker -A shop -l info)"
        let arguments: Vec<_> =
            celery.split_once(" (")?.1.trim_end_matches(')').split(' ').map(str::to_owned).collect();
        return python::celery(&arguments).or_else(|| Some("celery".to_owned()));
    }
    let is_path = title.starts_with(['/', '.']);
    if is_path || !title.contains(' ') {
        // A single word that is no interpreter's name was set by the program (process.title of Node).
        let set = interpreter.is_some() && facts.args.len() == 1 && !is_path;
        return (set && Interpreter::named(title).is_none()).then(|| title.to_owned());
    }
    let (program, rest) = match title.split_once(": ") {
        Some((program, rest)) if !program.contains([' ', '/']) => (program, rest),
        _ => title.split_once(' ')?,
    };
    match program {
        // "gunicorn: worker [shop.wsgi:application]"
        "gunicorn" => {
            bracketed(rest).map(|app| python::module_name(&app)).or_else(|| Some(program.to_owned()))
        }
        // "php-fpm: pool www" (the default pool), "php-fpm: master process (...)", also as "php-fpm8.2"
        _ if program.starts_with("php-fpm") => {
            let pool =
                rest.strip_prefix("pool ").map(str::trim).filter(|pool| !pool.is_empty() && *pool != "www");
            Some(pool.unwrap_or("php-fpm").to_owned())
        }
        // "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]", "puma: cluster worker 0: 17 [shop]", "sidekiq 7.1 shop [0 of 5 busy]"
        "puma" => bracketed(rest).or_else(|| Some(program.to_owned())),
        "sidekiq" => {
            let app = rest.split(' ').nth(1).filter(|app| !app.is_empty() && !app.starts_with('['));
            Some(app.unwrap_or(program).to_owned())
        }
        // "nginx: worker process", "postgres: shop shop 10.0.0.1(5678) idle", "redis-server *:6379", "unicorn worker[0]".
        // More than one argument means that these are no titles but a path with a space in it.
        _ => (facts.args.len() == 1 && !program.contains('/')).then(|| program.to_owned()),
    }
}

/// What stands in the last square brackets.
fn bracketed(text: &str) -> Option<String> {
    let (inside, _) = text.rsplit_once(']')?;
    let (_, inside) = inside.rsplit_once('[')?;
    Some(inside.trim().to_owned()).filter(|inside| !inside.is_empty())
}
